import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { manifestOf } from '../json/make-manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { ArchiveContents, ArchiveEntry } from './contents.ts';
import type { FileContent } from './file.ts';
import type { RecompressedLayer } from './recompress.ts';

/** An image without a manifest in its archive. */
export interface SynthesizedImage {
  readonly names: readonly string[];
  /** Returns the exact bytes of the config, and the layers from the bottom up. */
  make(options: SignalOptions): Promise<SynthesizedParts>;
  /** Returns the platform in the config, without reading the layers. */
  platform(options: SignalOptions): Promise<Platform | undefined>;
}

export interface SynthesizedParts {
  readonly config: Uint8Array;
  readonly layers: readonly RecompressedLayer[];
}

/** Makes the manifests that an archive lacks. The same files make the same manifest. */
export interface Synthesizer {
  /** Returns a root that makes its manifest when it is first loaded. */
  readonly root: (image: SynthesizedImage) => ArchiveEntry;
  /** The manifests so far. */
  readonly manifests: ReadonlyMap<Digest, Manifest>;
  readonly blob: (digest: Digest) => FileContent | undefined;
}

export function createSynthesizer(): Synthesizer {
  const manifests = new Map<Digest, Manifest>();
  const blobs = new Map<Digest, FileContent>();
  const root = (image: SynthesizedImage): ArchiveEntry => {
    const loading = createSingleFlight<'root', Descriptor>({
      keep: true,
      limit: Number.POSITIVE_INFINITY,
    });
    const load = async (options: SignalOptions): Promise<Descriptor> => {
      const { config, layers } = await image.make(options);
      const manifest = synthesizedManifest(config, layers);
      const configDigest = digestOf(config);
      blobs.set(configDigest, { ...bytesContent(config), size: config.byteLength });
      for (const { digest, content } of layers) blobs.set(digest, content);
      manifests.set(manifest.descriptor.digest, manifest);
      return manifest.descriptor;
    };
    return {
      names: image.names,
      platform: (options = {}) => image.platform(options),
      load: (options) => loading.run('root', (signal) => load({ signal }), options),
    };
  };
  return { root, manifests, blob: (digest) => blobs.get(digest) };
}

/** Returns the content of an archive without any manifest. Making a manifest checks its image. */
export function synthesize(images: readonly SynthesizedImage[]): ArchiveContents {
  const { root, manifests, blob } = createSynthesizer();
  return {
    roots: images.map(root),
    manifests: () => manifests.values(),
    manifest: (digest) => manifests.get(digest),
    blob,
    examine: async () => undefined,
  };
}

/**
 * Makes a docker manifest, field by field as crane does, so that gzipped layers of the archive get the digest
 * that crane gives them. With a zstd layer it makes an OCI manifest, because docker's types have no portable
 * name for zstd.
 */
function synthesizedManifest(config: Uint8Array, layers: readonly RecompressedLayer[]): Manifest {
  const isOci = layers.some(({ compression }) => compression === 'zstd');
  const mediaType = isOci ? MediaType.ociManifest : MediaType.dockerManifest;
  const gzipType = isOci ? MediaType.ociLayerGzip : MediaType.dockerLayer;
  return manifestOf({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: isOci ? MediaType.ociConfig : MediaType.dockerConfig,
      size: config.byteLength,
      digest: digestOf(config),
    },
    layers: layers.map(({ digest, compression, content }) => ({
      mediaType: compression === 'zstd' ? MediaType.ociLayerZstd : gzipType,
      size: content.size,
      digest,
    })),
  });
}
