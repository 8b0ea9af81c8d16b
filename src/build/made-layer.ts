import type { Spool } from '../archive/spool.ts';
import type { Compression } from '../flow/compression.ts';
import { counted } from '../flow/count.ts';
import { measure } from '../flow/hash.ts';
import type { Work, WorkLedger } from '../flow/work.ts';
import type { Image } from '../image/image.ts';
import type { Layer } from '../image/layer.ts';
import { packedLayer } from '../image/packed-layer.ts';
import type { Digest } from '../spec/digest.ts';
import { layerCompression } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import { layerTar } from './layer-tar.ts';
import type { Addon } from './native/addons.ts';
import type { PlannedLayer } from './planned-layer.ts';

/** A layer of a build. */
export interface MadeLayer {
  readonly plan: PlannedLayer;
  readonly layer: Layer;
  readonly addons: readonly Addon[];
  /** Whether an earlier image has the layer, so that it was not compressed again. */
  readonly isReused: boolean;
}

/** How layers are made. */
export interface MakeOptions extends SignalOptions {
  readonly compression: Compression;
  readonly level: number;
  /** Images that may have the layer already. */
  readonly earlier: readonly Image[];
  /** Keeps the bytes of new layers. */
  readonly spool: Spool;
  readonly works?: WorkLedger | undefined;
}

/**
 * Makes a layer. If there are earlier images, first only hashes the files: a layer with the same diffID is the same layer, and
 * a container runtime checks the diffID of its content.
 */
export async function makeLayer(plan: PlannedLayer, options: MakeOptions): Promise<MadeLayer> {
  const { compression, level, earlier, spool, works, signal } = options;
  let addons: Addon[] = [];
  const tar = (work: Work): AsyncIterable<Uint8Array> => {
    addons = [];
    const bytes = layerTar(
      plan.entries((addon) => addons.push(addon)),
      { signal },
    );
    return works === undefined ? bytes : counted(bytes, works.of(work).begin().add);
  };
  const known = await layersIn(earlier, compression, options);
  const reused = known.size === 0 ? undefined : known.get((await measure(tar('hash'))).digest);
  if (reused !== undefined) return { plan, layer: reused, addons, isReused: true };
  const keep = (bytes: AsyncIterable<Uint8Array>) => spool.keep(bytes);
  const layer = await packedLayer(tar('pack'), { compression, level, keep });
  return { plan, layer, addons, isReused: false };
}

/** Lists the layers of images by their diffIDs. */
async function layersIn(
  images: readonly Image[],
  compression: Compression,
  options: SignalOptions,
): Promise<ReadonlyMap<Digest, Layer>> {
  const found = new Map<Digest, Layer>();
  for (const image of images) {
    const { rootfs } = await image.config(options);
    for (const [at, layer] of (await image.layers(options)).entries()) {
      const diffId = rootfs.diff_ids[at];
      if (diffId !== undefined && layerCompression(layer.mediaType) === compression) found.set(diffId, layer);
    }
  }
  return found;
}
