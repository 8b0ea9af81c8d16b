import { unlessAborted } from '../flow/abort.ts';
import { decompressed, type UnpackLimits } from '../flow/compression.ts';
import { type Content, sliced } from '../flow/content.ts';
import { measure } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { checkOptions, object, type Shape, text } from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';

/** A file system change set, as a lazy view: nothing is read before it is asked for. */
export interface Layer {
  readonly mediaType: string;
  /** The repository that is known to hold it: pushed to the same registry, it is mounted from there. */
  readonly origin?: LayerOrigin;
  /** Type, digest and size of the bytes as they are stored. Costs a whole read where they are not known yet. */
  descriptor(options?: SignalOptions): Promise<Descriptor>;
  /** Digest of the uncompressed tar. Costs a whole read where it is not known yet. */
  diffId(options?: SignalOptions): Promise<Digest>;
  /** The bytes as they are stored. */
  compressed(): Content;
  /**
   * The tar itself. A part of it costs the reading of all that comes before. Reading throws TOO_LARGE where it unpacks
   * beyond all measure, by default 256 GiB, or 200 times what it was after the first gibibyte.
   */
  uncompressed(limits?: UnpackLimits): Content;
}

export interface LayerOrigin {
  /** As in a reference: `ghcr.io`, `localhost:5000`. */
  readonly registry: string;
  readonly repository: string;
}

export interface LayerOptions {
  /** What the content is. Default `application/vnd.oci.image.layer.v1.tar+gzip`. */
  readonly mediaType?: string;
  readonly descriptor?: Descriptor;
  readonly diffId?: Digest;
  readonly origin?: LayerOrigin | undefined;
}

const shape: Shape<LayerOptions> = { mediaType: text, descriptor: object, diffId: text, origin: object };

/** A layer of stored bytes that can be read again and again. What isn't told is computed when it is asked for. */
export function createLayer(content: Content, options: LayerOptions = {}): Layer {
  checkOptions('createLayer', options, shape);
  const mediaType = options.descriptor?.mediaType ?? options.mediaType ?? MediaType.ociLayerGzip;
  const what = options.descriptor?.digest ?? 'layer';
  const uncompressed = (limits: UnpackLimits = {}): Content => ({
    replayable: content.replayable,
    open: ({ signal, ...part } = {}) =>
      sliced(decompressed(content.open({ signal }), { what, limits }), part),
  });
  const stored = lazily(options.descriptor, async (signal) => ({
    mediaType,
    ...(await measure(content.open({ signal }))),
  }));
  const diffId = lazily(options.diffId, async (signal) => {
    const { digest } = await measure(uncompressed().open({ signal }));
    return digest;
  });
  return {
    mediaType,
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    descriptor: ({ signal } = {}) => stored(signal),
    diffId: ({ signal } = {}) => diffId(signal),
    compressed: () => content,
    uncompressed,
  };
}

/**
 * What is known, or is computed once however many ask. A failure is not kept, and is only told to who began: it may be
 * their own abort, so the others try for themselves.
 */
function lazily<T>(
  known: T | undefined,
  compute: (signal?: AbortSignal) => Promise<T>,
): (signal?: AbortSignal) => Promise<T> {
  let value: Promise<T> | undefined = known === undefined ? undefined : Promise.resolve(known);
  const begin = (signal?: AbortSignal): Promise<T> => {
    value = compute(signal).catch((error: unknown) => {
      value = undefined;
      throw error;
    });
    return value;
  };
  return async (signal) => {
    for (;;) {
      const current = value;
      if (current === undefined) return await begin(signal);
      try {
        return await unlessAborted(current, signal);
      } catch {
        signal?.throwIfAborted();
      }
    }
  };
}
