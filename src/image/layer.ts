import { decompressed, type UnpackLimits } from '../flow/compression.ts';
import { type Content, sliced } from '../flow/content.ts';
import { meteredContent } from '../flow/count.ts';
import { measure } from '../flow/hash.ts';
import { createMutex } from '../flow/mutex.ts';
import type { WorkSum } from '../flow/work.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { checkArgument, checkOptions, having, object, type Shape, text } from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';

/** A file system change set as a lazy view, which reads nothing in advance. */
export interface Layer {
  /** The media type of the stored bytes. */
  readonly mediaType: string;
  /** A repository that is known to have the layer. A push to the same registry mounts it from there. */
  readonly origin?: LayerOrigin | undefined;
  /** Returns type, digest and size of the stored bytes. Reads the whole layer if they are unknown. */
  descriptor(options?: MeasureOptions): Promise<Descriptor>;
  /** Returns the digest of the uncompressed tar. Reads the whole layer if it is unknown. */
  diffId(options?: MeasureOptions): Promise<Digest>;
  /** Returns the bytes as stored. */
  compressed(): Content;
  /**
   * Returns the uncompressed tar. A part of it costs reading all bytes before it. Reading throws TOO_LARGE beyond the
   * limits, by default above 256 GiB, or above 200 times the compressed size after the first gibibyte.
   */
  uncompressed(limits?: UnpackLimits): Content;
}

/** Settings of a computation that may read a layer. */
export interface MeasureOptions extends SignalOptions {
  /** Receives the progress of the reading, if there is any. */
  readonly work?: WorkSum | undefined;
}

/** The repository that a layer comes from. Pushes to the same registry mount the layer from there. */
export interface LayerOrigin {
  /** As in a reference: `ghcr.io`, `localhost:5000`. */
  readonly registry: string;
  /** The name inside the registry. */
  readonly repository: string;
}

/** Known facts about a layer. */
export interface LayerOptions {
  /**
   * The media type of the content.
   * @defaultValue 'application/vnd.oci.image.layer.v1.tar+gzip'
   */
  readonly mediaType?: string | undefined;
  /** Type, digest and size of the stored bytes, if known. */
  readonly descriptor?: Descriptor | undefined;
  /** The digest of the uncompressed tar, if known. */
  readonly diffId?: Digest | undefined;
  /** A repository that is known to have the layer. */
  readonly origin?: LayerOrigin | undefined;
}

const someContent = having('content, as bytesContent gives it', 'open');
const shape: Shape<LayerOptions> = { mediaType: text, descriptor: object, diffId: text, origin: object };

/**
 * Makes a layer of stored, replayable bytes. Computes unknown facts when they are requested.
 * @throws INVALID_OPTION for a wrong option
 */
export function createLayer(content: Content, options: LayerOptions = {}): Layer {
  checkArgument('createLayer', 'content', content, someContent);
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
    origin: options.origin,
    descriptor: (read = {}) => stored(read),
    diffId: (read = {}) => diffId(read),
    compressed: () => content,
    uncompressed: (limits) => unpacked(content, limits),
  };
}

/** Returns digest and size of the content in the given form, reading all of it. */
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
 * Returns a known value, or computes it once for all concurrent callers. An error is not kept and reaches only the
 * caller that began, since the cause may be that caller's abort; the others then compute it themselves. They do so too
 * when the running computation reads nothing for 15 minutes.
 */
function lazily<T>(
  known: T | undefined,
  compute: (options: MeasureOptions, moved: () => void) => Promise<T>,
): (options: MeasureOptions) => Promise<T> {
  let value = known;
  const mutex = createMutex();
  return async (options) => {
    if (value !== undefined) return value;
    return mutex(async (moved) => {
      value ??= await compute(options, moved);
      return value;
    }, options);
  };
}
