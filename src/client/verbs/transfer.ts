import type { Image } from '../../image/image.ts';
import type { Index } from '../../image/image-index.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { CopyPlaceOptions, TransferOptions } from '../copy.ts';
import type { CopiedTag, SkippedName } from '../copy-repository.ts';
import type { Place } from '../place.ts';
import type { PullOptions } from '../pull.ts';
import type { PushOptions } from '../push.ts';
import type { WriteLayerOptions, WrittenLayer } from '../write.ts';

/** The verbs of a client that move images. Each returns the descriptor of the root at its destination. */
export interface TransferVerbs {
  /**
   * Pushes an image from disk to a registry: a folder is an OCI layout, a file an archive. gantry sends only content that
   * the registry does not have.
   * @throws NAME_UNKNOWN when there is no such file or folder
   * @throws MANIFEST_INVALID when the place holds several images, or none
   * @throws COPY_FAILED with the side and the step, for a failure of the transfer; `isGantryError` also matches the code of
   * its reason
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { digest } = await client.push('./layout', 'ghcr.io/acme/app:2');
   * console.log(digest);
   * ```
   */
  push(path: string | Place, reference: string | Place, options?: PushOptions): Promise<Descriptor>;
  /**
   * Pulls images from registries into one layout or archive. The result appears as a whole, or the destination stays as
   * before.
   * @throws MANIFEST_UNKNOWN when a registry has no such image, or none for the platform
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.pull(['ghcr.io/acme/app:1'], 'pulled.tar', { platforms: ['linux/arm64'] });
   * ```
   */
  pull(
    references: readonly (string | Place)[],
    path: string,
    options?: PullOptions,
  ): Promise<readonly Descriptor[]>;
  /**
   * Copies an image from a place to a place and keeps its digest. Between repositories of one registry, gantry mounts the
   * blobs.
   * @throws MANIFEST_UNKNOWN when the source has no such image, or none for a platform
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await client.copy('ghcr.io/acme/app:1', 'registry.example/app:copy', {
   *   onEvent(event) {
   *     if (event.kind === 'progress') console.log(`${event.moved} of ${event.total} bytes`);
   *   },
   * });
   * ```
   */
  copy(source: string | Place, destination: string | Place, options?: CopyPlaceOptions): Promise<Descriptor>;
  /**
   * Copies all tags of a repository and yields each when it is done. A name that cannot be a tag is `skipped`. The first
   * failure ends the iteration; tags yielded until then are at the destination.
   * @throws NAME_UNKNOWN when the registry does not have the repository
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * for await (const { tag, outcome } of client.copyRepository('ghcr.io/acme/app', 'registry.example/mirror')) {
   *   console.log(tag, outcome);
   * }
   * ```
   */
  copyRepository(
    source: string,
    destination: string,
    options?: CopyPlaceOptions,
  ): AsyncIterable<CopiedTag | SkippedName>;
  /**
   * Pushes an image with everything that it names. The view may be made by the program or opened elsewhere.
   * @throws DIGEST_INVALID when the reference has another digest than the image
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient, createImage, createLayer, MediaType, writeTar } from 'gantry';
   *
   * const body = new TextEncoder().encode('hello\n');
   * const files = () => [{ name: 'hello.txt', size: body.byteLength, body: [body] }];
   * const layer = createLayer(
   *   { replayable: true, open: () => writeTar(files()) },
   *   { mediaType: MediaType.ociLayer },
   * );
   * const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
   * await using client = createClient();
   * await client.pushImage('ghcr.io/acme/hello:1', image);
   * ```
   */
  pushImage(reference: string | Place, image: Image, options?: TransferOptions): Promise<Descriptor>;
  /**
   * Pushes an index with all images that it lists.
   * @throws DIGEST_INVALID when the reference has another digest than the index
   * @throws COPY_FAILED as `push` does
   * @example
   * ```ts
   * import { createClient, createImage, createIndex } from 'gantry';
   *
   * const entry = (architecture: string) => ({
   *   image: createImage({ config: { os: 'linux', architecture }, layers: [] }),
   *   platform: { os: 'linux', architecture },
   * });
   * await using client = createClient();
   * await client.pushIndex('ghcr.io/acme/empty:1', createIndex([entry('amd64'), entry('arm64')]));
   * ```
   */
  pushIndex(reference: string | Place, index: Index, options?: TransferOptions): Promise<Descriptor>;
  /**
   * Pushes one layer and no manifest; a manifest that follows can name it. It is meant for very large layers: from 128 MiB
   * on, gantry sends chunks of 96 MiB unless the registry asks for others.
   * @throws DIGEST_INVALID or SIZE_INVALID when the content does not match the layer's descriptor
   */
  writeLayer(options: WriteLayerOptions): Promise<WrittenLayer>;
}
