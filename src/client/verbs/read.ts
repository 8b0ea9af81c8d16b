import type { Content } from '../../flow/content.ts';
import type { Image } from '../../image/image.ts';
import type { Index } from '../../image/image-index.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Manifest } from '../../spec/manifest.ts';
import type { RawManifest, SignalOptions } from '../../store/contract.ts';
import type { Inspection } from '../inspect.ts';
import type { Place } from '../place.ts';
import type { ReadOptions } from '../read.ts';

/** The verbs of a client that read an image or a part of it. */
export interface ReadVerbs {
  /**
   * Describes an image or index without reading its layers; with `platform`, the image of the index for that platform.
   * @throws MANIFEST_UNKNOWN when the place has no such image, or none for the platform
   * @throws MANIFEST_INVALID when the manifest is neither an image nor an index
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { kind, digest, labels } = await client.inspect('ghcr.io/acme/app:1', { platform: 'linux/arm64' });
   * console.log(kind, digest, labels);
   * ```
   */
  inspect(place: string | Place, options?: ReadOptions): Promise<Inspection>;
  /**
   * Returns a lazy view of an image in a registry; of an index, the view of its image for `platform`, by default
   * linux/amd64.
   * @throws MANIFEST_UNKNOWN when the registry has no such image, or none for the platform
   * @throws MANIFEST_INVALID when the manifest is no image
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const image = await client.getImage('ghcr.io/acme/app:1', { platform: 'linux/arm64' });
   * const { architecture } = await image.config();
   * console.log(architecture, (await image.layers()).length);
   * ```
   */
  getImage(reference: string | Place, options?: ReadOptions): Promise<Image>;
  /**
   * Returns a lazy view of an index in a registry.
   * @throws MANIFEST_UNKNOWN when the registry has no such index
   * @throws MANIFEST_INVALID when the manifest is no index
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const index = await client.getIndex('ghcr.io/acme/app:1');
   * for (const { digest, platform } of (await index.manifest()).body.manifests) console.log(digest, platform);
   * ```
   */
  getIndex(reference: string | Place, options?: SignalOptions): Promise<Index>;
  /**
   * Returns media type, digest and size of a manifest with one HEAD request; with `platform`, those of the image of the
   * index for that platform, which takes a GET.
   * @throws MANIFEST_UNKNOWN when the place has no such image, or none for the platform
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { digest } = await client.getDescriptor('ghcr.io/acme/app:1');
   * console.log(`ghcr.io/acme/app@${digest}`);
   * ```
   */
  getDescriptor(place: string | Place, options?: ReadOptions): Promise<Descriptor>;
  /**
   * Returns a manifest with its exact bytes; with `platform`, that of the image of the index for that platform.
   * @throws MANIFEST_UNKNOWN when the place has no such image, or none for the platform
   * @throws MANIFEST_INVALID when the document is no manifest
   */
  getManifest(place: string | Place, options?: ReadOptions): Promise<Manifest>;
  /**
   * Returns the bytes that a place stores as a manifest, also those that `getManifest` refuses.
   * @throws MANIFEST_UNKNOWN when the place has no such manifest, or none for the platform
   */
  getRawManifest(place: string | Place, options?: ReadOptions): Promise<RawManifest>;
  /**
   * Returns the exact bytes of the config of an image; of an index, of its image for `platform`, by default linux/amd64.
   * @throws MANIFEST_UNKNOWN when the place has no such image, or none for the platform
   */
  getConfig(place: string | Place, options?: ReadOptions): Promise<Uint8Array>;
  /**
   * Returns the blob that `repository@digest` names. gantry fetches nothing until the content is opened.
   * @throws INVALID_REFERENCE when the reference has no digest
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const image = await client.getImage('ghcr.io/acme/app:1');
   * const [layer] = (await image.manifest()).body.layers;
   * let bytes = 0;
   * for await (const chunk of client.openBlob(`ghcr.io/acme/app@${layer?.digest}`).open()) bytes += chunk.byteLength;
   * console.log(bytes === layer?.size);
   * ```
   */
  openBlob(reference: string | Place): Content;
  /**
   * Returns whether a place has an image. A place that refuses the question throws.
   * @throws UNAUTHORIZED or DENIED when the registry needs a login
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * if (!(await client.exists('ghcr.io/acme/app:2'))) console.log('not built yet');
   * ```
   */
  exists(place: string | Place, options?: SignalOptions): Promise<boolean>;
  /**
   * Returns whether a repository has a blob.
   * @throws INVALID_DIGEST when the digest is malformed
   * @throws UNAUTHORIZED or DENIED when the registry needs a login
   */
  blobExists(repository: string, digest: string, options?: SignalOptions): Promise<boolean>;
}
