import type { AppendIndexOptions, IndexImage } from '../append-index.ts';
import type { EditedImage } from '../edit.ts';
import type { EditIndexOptions, IndexEdit } from '../edit-index.ts';
import type { IndexListing, ListIndexOptions } from '../list-index.ts';
import type { Place } from '../place.ts';

/** The verbs of a client that make, change and list indexes. */
export interface IndexVerbs {
  /**
   * Adds images at any place to an index, or makes an index of them. Copies the images to the place of the index; an image
   * that is listed already is not listed twice. The entry of an image has the platform of its config.
   * @throws MANIFEST_UNKNOWN when an image does not exist, or none for a platform
   * @throws MANIFEST_INVALID when the base is no index; also the other errors of `edit`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const images = ['ghcr.io/acme/parts:amd64', 'ghcr.io/acme/parts:arm64'];
   * const { descriptor } = await client.appendIndex(images, { to: 'ghcr.io/acme/parts:1' });
   * console.log(descriptor.digest);
   * ```
   */
  appendIndex(images: readonly IndexImage[], options: AppendIndexOptions): Promise<EditedImage>;
  /**
   * Changes an index at any place, by default in place. Attestations of removed images are removed with them.
   * @throws MANIFEST_UNKNOWN when there is no such index, or it has no image for a platform
   * @throws MANIFEST_INVALID when the source is no index, or nothing would be left in it; also the other errors of `edit`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.editIndex('ghcr.io/acme/app:1', (index) => index.withoutPlatforms(['linux/arm64']), {
   *   to: 'ghcr.io/acme/app:1-amd64',
   * });
   * ```
   */
  editIndex(source: string | Place, change: IndexEdit, options?: EditIndexOptions): Promise<EditedImage>;
  /**
   * Lists the entries of an index at any place.
   * @throws MANIFEST_UNKNOWN when there is no such index
   * @throws MANIFEST_INVALID when it is an image
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { entries } = await client.listIndex('ghcr.io/acme/app:1');
   * for (const { descriptor } of entries) console.log(descriptor.digest, descriptor.platform);
   * ```
   */
  listIndex(source: string | Place, options?: ListIndexOptions): Promise<IndexListing>;
}
