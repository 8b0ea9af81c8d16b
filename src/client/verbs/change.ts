import type { Descriptor } from '../../spec/descriptor.ts';
import type { Manifest } from '../../spec/manifest.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { AppendLayersOptions } from '../append.ts';
import type { EditedImage, EditOptions, ImageChange } from '../edit.ts';
import type { LayerSource } from '../layers/open-layers.ts';
import type { Place } from '../place.ts';
import type { DeleteOptions, Deletion, PruneOptions } from '../prune.ts';
import type { RebaseOptions } from '../rebase.ts';

/** The verbs of a client that change images, and names in a registry. */
export interface ChangeVerbs {
  /**
   * Changes an image at any place, by default in place. `change` is called for each image, once for every image of an
   * index. gantry sends only content that the destination does not have. A change that changes nothing keeps the digest.
   * Attestations of changed images are dropped with a warning, unless `keepAttestations` is set.
   * @throws MANIFEST_UNKNOWN when the source has no such image, or none for a platform
   * @throws MANIFEST_INVALID when the image contradicts itself, or is an artifact and its config should change
   * @throws UNSUPPORTED for a new layer that docker's media types have none for
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { descriptor } = await client.edit(
   *   'ghcr.io/acme/app:1',
   *   (image) => image.withConfig({ labels: { team: 'core' } }).withAnnotations({ team: 'core' }),
   *   { to: 'ghcr.io/acme/app:1-core' },
   * );
   * console.log(descriptor.digest);
   * ```
   */
  edit(source: string | Place, change: ImageChange, options?: EditOptions): Promise<EditedImage>;
  /**
   * Adds layers on top of an image, of every image of an index, or of nothing. Each is a `Layer`, or the path of a tar,
   * compressed or not, or of a folder; `-` is the standard input. gantry checks that a tar is one, and never compresses one
   * that is compressed.
   * @throws NAME_UNKNOWN when there is no such file
   * @throws MANIFEST_INVALID when a file is no tar; also the other errors of `edit`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.append(['./layout'], { base: 'ghcr.io/acme/app:1', to: 'ghcr.io/acme/app:2' });
   * ```
   */
  append(layers: readonly LayerSource[], options: AppendLayersOptions): Promise<EditedImage>;
  /**
   * Merges the layers of an image, or of every image of an index, into one each. The same layers give the same digest.
   * @throws as `edit` does, and UNSUPPORTED for a layer that holds no files
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.flatten('ghcr.io/acme/app:1', { to: 'ghcr.io/acme/app:flat' });
   * ```
   */
  flatten(source: string | Place, options?: EditOptions): Promise<EditedImage>;
  /**
   * Puts an image, or every image of an index, on another base, and names the base in annotations. Compares layers by the
   * digests of their tars. With the same base twice, the image keeps its digest.
   * @throws INVALID_OPTION when neither the options nor annotations name both bases
   * @throws MANIFEST_INVALID when the image is not built on the old base; also the other errors of `edit`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.rebase('ghcr.io/acme/based:1', { oldBase: 'alpine:3.19', newBase: 'alpine:3.20' });
   * ```
   */
  rebase(source: string | Place, options?: RebaseOptions): Promise<EditedImage>;
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
