import { decompressed, type UnpackLimits } from '../flow/compression.ts';
import { type Content, sliced } from '../flow/content.ts';
import { meteredContent } from '../flow/count.ts';
import { measure } from '../flow/hash.ts';
import { createTurns } from '../flow/turns.ts';
import type { WorkSum } from '../flow/work.ts';
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
  descriptor(options?: MeasureOptions): Promise<Descriptor>;
  /** Digest of the uncompressed tar. Costs a whole read where it is not known yet. */
  diffId(options?: MeasureOptions): Promise<Digest>;
  /** The bytes as they are stored. */
  compressed(): Content;
  /**
   * The tar itself. A part of it costs the reading of all that comes before. Reading throws TOO_LARGE where it unpacks
   * beyond all measure, by default 256 GiB, or 200 times what it was after the first gibibyte.
   */
  uncompressed(limits?: UnpackLimits): Content;
}

export interface MeasureOptions extends SignalOptions {
  /** What the reading is added to, where it takes any. */
  readonly work?: WorkSum;
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
  const unpacked = (packed: Content, limits: UnpackLimits = {}): Content => ({
    replayable: content.replayable,
    open: ({ signal, ...part } = {}) => sliced(decompressed(packed.open({ signal }), { what, limits }), part),
  });
  const stored = lazily(options.descriptor, async (read, moved) => ({
    mediaType,
    ...(await measured(meteredContent(content, moved), (metered) => metered, read)),
  }));
  const diffId = lazily(
    options.diffId,
    async (read, moved) => (await measured(meteredContent(content, moved), unpacked, read)).digest,
  );
  return {
    mediaType,
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    descriptor: (read = {}) => stored(read),
    diffId: (read = {}) => diffId(read),
    compressed: () => content,
    uncompressed: (limits) => unpacked(content, limits),
  };
}

/** Digest and size of what `form` makes of the content, all of which is read for that. */
async function measured(
  content: Content,
  form: (metered: Content) => Content,
  { signal, work }: MeasureOptions,
): ReturnType<typeof measure> {
  const part = work?.begin(content.size);
  const metered = part === undefined ? content : meteredContent(content, part.add);
  const found = await measure(form(metered).open({ signal }));
  part?.settle();
  return found;
}

/**
 * The known value, or the one that the first caller computes while the others wait. A failure is not kept, and only the
 * caller that began hears of it: it may be its own abort, so the others try for themselves, as they do beside one that
 * reads nothing for 15 minutes.
 */
function lazily<T>(
  known: T | undefined,
  compute: (options: MeasureOptions, moved: () => void) => Promise<T>,
): (options: MeasureOptions) => Promise<T> {
  let value = known;
  const turns = createTurns();
  return async (options) => {
    if (value !== undefined) return value;
    return turns(async (moved) => {
      value ??= await compute(options, moved);
      return value;
    }, options);
  };
}
