import type { AppendLayersOptions } from '../append.ts';
import type { BuildOptions, BuildResult } from '../build-options.ts';
import type { ConvertedImage, ConvertOptions } from '../convert.ts';
import type { EditedImage, EditOptions, ImageChange } from '../edit.ts';
import type { EditManifestOptions, ManifestChange } from '../edit-manifest.ts';
import type { FlattenImagesOptions } from '../flatten.ts';
import type { LayerSource } from '../layers/open-layers.ts';
import type { Place } from '../place.ts';
import type { RebaseOptions } from '../rebase.ts';
import type { IndexVerbs } from './indexes.ts';

/** The verbs of a client that change and make images. */
export interface EditVerbs extends IndexVerbs {
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
   * Replaces the manifest of an image or of an index at any place; with `platforms` those of images in an index. `change` makes the
   * new bytes of the old manifest. Everything that the new manifest names has to be at the source or at the destination.
   * @throws MANIFEST_INVALID when the bytes are no manifest of the same kind, mix docker's media types with OCI's, or name layers
   * that the config does not; also the other errors of `edit`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const reference = 'ghcr.io/acme/parts:amd64';
   * await client.editManifest(reference, ({ bytes }) => {
   *   const manifest = JSON.parse(new TextDecoder().decode(bytes));
   *   return new TextEncoder().encode(JSON.stringify({ ...manifest, annotations: { team: 'core' } }));
   * });
   * ```
   */
  editManifest(
    source: string | Place,
    change: ManifestChange,
    options?: EditManifestOptions,
  ): Promise<EditedImage>;
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
   * Merges the layers of an image, or of every image of an index, into one each, or only those above its base. The same layers
   * give the same digest.
   * @throws INVALID_OPTION when `keepBase` is set and no annotation names a base
   * @throws as `edit` does, and UNSUPPORTED for a layer that holds no files
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.flatten('ghcr.io/acme/app:1', { to: 'ghcr.io/acme/app:flat' });
   * ```
   */
  flatten(source: string | Place, options?: FlattenImagesOptions): Promise<EditedImage>;
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
   * Converts an image, or every image of an index: its format, the compression of its layers, the digests that name it; or takes
   * times, files and history out of it. A layer that is in the wanted form already keeps its bytes. Another one is fetched once,
   * and the new one stays in the temporary folder until the end.
   * @throws INVALID_OPTION when no option asks for a change, or two contradict each other
   * @throws UNSUPPORTED for a layer or an entry that docker's format has no place for, and for zstd on a runtime without it
   * @throws DIGEST_INVALID when a layer is not the one that the config names
   * @throws FILE_UNKNOWN when no layer has one of `stripPaths`
   * @throws MANIFEST_INVALID when the image is not built on `base`; also the other errors of `edit`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { losses } = await client.convert('ghcr.io/acme/app:1', { format: 'docker', to: 'ghcr.io/acme/app:docker' });
   * for (const { member, count } of losses) console.log(`${count} ${member} left out`);
   * ```
   */
  convert(source: string | Place, options: ConvertOptions): Promise<ConvertedImage>;
  /**
   * Builds an image of a folder, and writes it: of a Node application with its production dependencies in a layer of their own,
   * or of any files. Runs nothing of the folder, and leaves out `.git`, `.env*`, `.npmrc` and the files of `.dockerignore`. The
   * same files and options give the same digest. A build of an unchanged folder sends nothing.
   * @throws NAME_UNKNOWN when there is no such folder
   * @throws INVALID_OPTION when nothing names a base, or the command that the image runs
   * @throws FILE_UNKNOWN when the start file or a dependency is missing
   * @throws MANIFEST_UNKNOWN when the base has no image for a platform
   * @throws UNSUPPORTED for a socket, pipe or device, for a symbolic link that leads out of the folder, and for an addon of
   * Node that is compiled for another platform
   * @throws SIZE_INVALID when a file changes while it is read
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { descriptor } = await client.build('./web', { base: 'node:22-slim', to: 'ghcr.io/acme/web:1' });
   * console.log(descriptor.digest);
   * ```
   */
  build(directory: string, options: BuildOptions): Promise<BuildResult>;
}
