import type { Descriptor } from '../../spec/descriptor.ts';
import type { Manifest } from '../../spec/manifest.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Place } from '../place.ts';
import type { DeleteOptions, Deletion, PruneOptions } from '../prune.ts';

/** The verbs of a client that change names and manifests in a registry. */
export interface ChangeVerbs {
  /**
   * Gives an image in a registry further tags. Only its manifest moves.
   * @throws MANIFEST_UNKNOWN when the registry has no such image
   * @throws INVALID_REFERENCE when a tag is malformed
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.tag('ghcr.io/acme/app:1.2.3', ['stable', '1.2']);
   * ```
   */
  tag(
    reference: string | Place,
    tags: string | readonly string[],
    options?: SignalOptions,
  ): Promise<Descriptor>;
  /**
   * Stores a manifest alone, under the tag of the reference or else under its digest. The registry must have its content.
   * @throws MANIFEST_BLOB_UNKNOWN when the registry lacks content that the manifest names
   * @throws DIGEST_INVALID when the reference has another digest than the manifest
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const manifest = await client.getManifest('ghcr.io/acme/app:1');
   * await client.putManifest('ghcr.io/acme/app:candidate', manifest);
   * ```
   */
  putManifest(reference: string | Place, manifest: Manifest, options?: SignalOptions): Promise<Descriptor>;
  /**
   * Deletes a tag alone, or a digest with every tag on it.
   * @throws MANIFEST_UNKNOWN when there is nothing to delete
   * @throws UNSUPPORTED when the registry does not delete
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.delete('ghcr.io/acme/app:pr-7');
   * ```
   */
  delete(reference: string | Place, options?: SignalOptions): Promise<void>;
  /**
   * Deletes several references in order, as `delete` does, and yields the outcome of each. A failure is an outcome and does
   * not end the others. A malformed reference throws before the first deletion.
   * @throws INVALID_REFERENCE when one of the references is malformed
   */
  deleteEach(references: readonly (string | Place)[], options?: DeleteOptions): AsyncIterable<Deletion>;
  /**
   * Deletes the tags of a repository that match, are old, or are not among the newest, and yields the outcome of each. The
   * image goes with its tags unless a remaining tag or index needs it. Then the tag goes alone, or stays where the registry
   * cannot delete a tag alone. The failure of one tag is an outcome.
   * @throws NAME_UNKNOWN when the registry does not have the repository
   * @throws INVALID_OPTION when `match`, `olderThan` and `keep` are all absent
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const month = 30 * 24 * 60 * 60 * 1000;
   * const options = { match: 'pr-*', olderThan: month, dryRun: true };
   * for await (const { reference, outcome, reason } of client.prune('ghcr.io/acme/app', options)) {
   *   console.log(reference, outcome, reason);
   * }
   * ```
   */
  prune(repository: string, options: PruneOptions): AsyncIterable<Deletion>;
}
