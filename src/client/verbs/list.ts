import type { Descriptor } from '../../spec/descriptor.ts';
import type { ListOptions } from '../../store/contract.ts';
import type { Place } from '../place.ts';
import type { ListReferrersOptions, ReferrerTree } from '../referrers.ts';
import type { Finding, ValidateOptions } from '../validate.ts';

/** The verbs of a client that list and check. */
export interface ListVerbs {
  /**
   * Lists the tags of a repository in the registry's order, page by page.
   * @throws NAME_UNKNOWN when the registry does not have the repository
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * for await (const tag of client.tags('ghcr.io/acme/app')) console.log(tag);
   * ```
   */
  tags(repository: string, options?: ListOptions): AsyncIterable<string>;
  /**
   * Lists the repositories of a registry. Most public registries refuse this.
   * @throws UNSUPPORTED, UNAUTHORIZED or DENIED when the registry refuses
   */
  catalog(registry: string, options?: ListOptions): AsyncIterable<string>;
  /**
   * Lists the manifests that refer to an image or index, such as signatures and SBOMs, each digest once; with `platform`,
   * those that refer to the image of the index for that platform. Sources are the referrers API and the fallback tag.
   * @throws MANIFEST_UNKNOWN when the place has no such image; a reference by digest needs no image
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * for await (const { digest, artifactType } of client.referrers('ghcr.io/acme/app:1')) {
   *   console.log(digest, artifactType);
   * }
   * ```
   */
  referrers(place: string | Place, options?: ListReferrersOptions): AsyncIterable<Descriptor>;
  /**
   * Returns the referrers of an image, each with its own referrers.
   * @throws MANIFEST_UNKNOWN as `referrers` does
   * @throws MANIFEST_INVALID when referrers go more than 8 deep
   */
  referrerTree(place: string | Place, options?: ListReferrersOptions): Promise<ReferrerTree>;
  /**
   * Checks that an image is complete and correct, and yields each problem; without a problem, one finding that has none.
   * It reads all content unless `fast` is set.
   * @throws MANIFEST_UNKNOWN when the place has no such image
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * for await (const { subject, problem } of client.validate('ghcr.io/acme/app:1')) {
   *   console.log(subject, problem ?? 'is complete');
   * }
   * ```
   */
  validate(subject: string | Place, options?: ValidateOptions): AsyncIterable<Finding>;
}
