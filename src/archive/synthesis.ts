import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { encodeManifest, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { ArchiveContents, ArchiveRoot } from './contents.ts';
import type { FileContent } from './file.ts';
import type { PackedLayer } from './pack.ts';

/** An image of an archive that holds no manifests. */
export interface SynthesizedImage {
  readonly names: readonly string[];
  /** The exact bytes of the config, and its layers from the bottom up. */
  make(options: SignalOptions): Promise<ImageParts>;
}

export interface ImageParts {
  readonly config: Uint8Array;
  readonly layers: readonly PackedLayer[];
}

/** Gives each image a manifest when it is first asked for. The same files make the same manifest. */
export function synthesize(images: readonly SynthesizedImage[]): ArchiveContents {
  const manifests = new Map<Digest, Manifest>();
  const blobs = new Map<Digest, FileContent>();
  const rootOf = (image: SynthesizedImage): ArchiveRoot => {
    let loaded: Promise<Descriptor> | undefined;
    const load = async (options: SignalOptions): Promise<Descriptor> => {
      const { config, layers } = await image.make(options);
      const manifest = manifestOf(config, layers);
      const configDigest = digestOf(config);
      blobs.set(configDigest, { ...bytesContent(config), size: config.byteLength });
      for (const { digest, content } of layers) blobs.set(digest, content);
      manifests.set(manifest.descriptor.digest, manifest);
      return manifest.descriptor;
    };
    return {
      names: image.names,
      load(options = {}) {
        if (loaded !== undefined) return loaded;
        const first = load(options);
        loaded = first;
        first.catch(() => {
          loaded = undefined;
        });
        return first;
      },
    };
  };
  return { roots: images.map(rootOf), manifests, blob: (digest) => blobs.get(digest) };
}

/**
 * A docker manifest, field by field as crane makes it, so that layers that are gzipped in the archive get the digest
 * that crane gives them. With a zstd layer it is an OCI one, since docker's types have no portable name for that.
 */
function manifestOf(config: Uint8Array, layers: readonly PackedLayer[]): Manifest {
  const isOci = layers.some(({ compression }) => compression === 'zstd');
  const mediaType = isOci ? MediaType.ociManifest : MediaType.dockerManifest;
  const gzipType = isOci ? MediaType.ociLayerGzip : MediaType.dockerLayer;
  const bytes = encodeManifest({
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
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}
