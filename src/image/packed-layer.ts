import { ahead } from '../flow/ahead.ts';
import { type Compression, compressed } from '../flow/compression.ts';
import type { Content } from '../flow/content.ts';
import { createHasher, hashing } from '../flow/hash.ts';
import { ociLayerTypes } from '../spec/media-type.ts';
import { createLayer, type Layer } from './layer.ts';

/** How a tar becomes a layer. */
export interface PackOptions {
  readonly compression: Compression;
  /** The level of gzip, 1 to 9. */
  readonly level?: number | undefined;
  /** Stores the bytes of the layer, and returns them as content that can be read again. */
  readonly keep: (bytes: AsyncIterable<Uint8Array>) => Promise<Content & { readonly size: number }>;
}

/** Compresses and stores a tar, and computes both digests of the layer in the same pass. */
export async function packedLayer(
  tar: AsyncIterable<Uint8Array>,
  { compression, level, keep }: PackOptions,
): Promise<Layer> {
  const [stored, plain] = [createHasher(), createHasher()];
  const packed = compressed(ahead(hashing(tar, plain)), { compression, level });
  const content = await keep(hashing(packed, stored));
  const descriptor = { mediaType: ociLayerTypes[compression], digest: stored.digest(), size: content.size };
  return createLayer(content, { descriptor, diffId: plain.digest() });
}
