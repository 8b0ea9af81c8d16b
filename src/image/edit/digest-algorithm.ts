import { drain } from '../../flow/collect.ts';
import type { Content } from '../../flow/content.ts';
import { createHasher, digestOf, hashing } from '../../flow/hash.ts';
import type { JsonChange } from '../../json/edit.ts';
import { type Algorithm, type Digest, digestAlgorithm } from '../../spec/digest.ts';
import { isDistributable } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import { createLayer, type Layer } from '../layer.ts';
import { changed } from './changeable.ts';
import { editDocuments, type ImageDocuments, refuseArtifact } from './documents.ts';
import { inPool, onceForAll } from './remake.ts';

/** Stores bytes, and returns them for reading. */
export type KeepBytes = (source: AsyncIterable<Uint8Array>) => Promise<Content>;

/** Names a layer by a digest of another algorithm. */
export type RehashLayer = (layer: Layer, read: SignalOptions) => Promise<Layer>;

/**
 * Returns the function that reads a layer for its other digest, and a layer of several images once. `keep` stores the bytes of
 * another machine meanwhile, so that their upload does not fetch them again.
 */
export function rehasher(algorithm: Algorithm, keep: KeepBytes): RehashLayer {
  const made = onceForAll<Digest, Layer>();
  const rehashed = async (layer: Layer, read: SignalOptions): Promise<Layer> => {
    const hasher = createHasher(algorithm);
    const stored = layer.compressed();
    const bytes = hashing(stored.open({ signal: read.signal }), hasher);
    const content = stored.remote === true ? await keep(bytes) : stored;
    if (content === stored) await drain(bytes);
    const descriptor = { ...(await layer.descriptor(read)), digest: hasher.digest() };
    return createLayer(content, { descriptor, diffId: await layer.diffId(read) });
  };
  return async (layer, read) => {
    const { digest } = await layer.descriptor(read);
    // The bytes of a layer that may not be distributed are rarely there.
    if (digestAlgorithm(digest) === algorithm || !isDistributable(layer.mediaType)) return layer;
    return made.run(digest, (signal) => rehashed(layer, { signal }), read);
  };
}

/**
 * Names the manifest, the config and the layers of an image by digests of an algorithm. The digests of the tars, in the config,
 * stay: they are the identity of the image, and every runtime expects SHA-256 there.
 */
export function withAlgorithm(image: Image, algorithm: Algorithm, rehash: RehashLayer): Image {
  const layers = async (read?: SignalOptions): Promise<readonly Layer[]> =>
    inPool(await image.layers(read), rehash, read);
  return changed(image, {
    documents: async (documents, read) => withDigests(documents, algorithm, await layers(read), read),
    layers,
  });
}

async function withDigests(
  documents: ImageDocuments,
  algorithm: Algorithm,
  layers: readonly Layer[],
  read?: SignalOptions,
): Promise<ImageDocuments> {
  refuseArtifact(documents.manifest);
  const manifest: JsonChange[] = [
    { path: ['config', 'digest'], value: digestOf(documents.config, algorithm) },
  ];
  for (const [at, layer] of layers.entries())
    manifest.push({ path: ['layers', at, 'digest'], value: (await layer.descriptor(read)).digest });
  return editDocuments(documents, { manifest, algorithm });
}
