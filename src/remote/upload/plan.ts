import type { HostProfile } from '../../hosts/profiles.ts';
import type { RetryOptions } from '../../http/backoff.ts';
import type { Upload } from '../../store/upload.ts';
import type { UploadJournal } from '../../store/upload-journal.ts';

/** Options for uploads of blobs. */
export interface UploadOptions {
  /**
   * Attempts of one blob; the default is `defaultLayerRetry`. They count from the start when the registry has more of the blob
   * than in any session before, until gantry has sent ten times its size.
   */
  readonly retry?: RetryOptions | undefined;
  /** Bytes of a chunk, if a blob goes in chunks. The registry's limits override it. Default 96 MiB, for a stream 16 MiB. */
  readonly chunkSize?: number | undefined;
  /** Bytes above which a blob goes in chunks. By default only the registry's limits decide. */
  readonly chunkThreshold?: number | undefined;
  /** Whether the commit has the layer's media type in the header `OCI-Layer-Media-Type`. Default false. */
  readonly sendMediaType?: boolean | undefined;
  /**
   * The registry to mount layers from, as the parameter `origin` of each mount. It is not part of the specification: a few
   * registries mount from another registry. By default requests have no such parameter.
   */
  readonly mountOrigin?: string | undefined;
  /** The journal by which a later process can continue an upload. By default each process starts its uploads anew. */
  readonly journal?: UploadJournal | undefined;
}

const mebibyte = 1024 * 1024;
const defaultChunk = 96 * mebibyte;
/** Bytes of a stream's chunk, which gantry keeps in memory to send it again. */
const streamChunk = 16 * mebibyte;
const maxStreamChunk = 64 * mebibyte;
/** Bytes below a registry's maximum, because some registries count more than the body. */
const margin = 64 * 1024;

/** Returns the bytes of each chunk; undefined for one request. */
export function planChunks(
  size: number,
  { min, max }: Upload['limits'],
  profile: HostProfile,
  { chunkSize, chunkThreshold }: UploadOptions,
): number | undefined {
  if (profile.whole === true) return undefined;
  const most = max === undefined ? profile.chunk : max > margin ? max - margin : max;
  const wanted = chunkSize ?? defaultChunk;
  const chunk = Math.max(most === undefined ? wanted : Math.min(wanted, most), min ?? 1);
  const asked = max !== undefined || min !== undefined;
  const threshold = chunkThreshold ?? profile.chunkOver ?? (asked ? chunk : Number.POSITIVE_INFINITY);
  // The threshold is only a wish, but the registry would refuse more than its maximum.
  const must = max !== undefined && size > max;
  return (must || size > threshold) && size > chunk ? chunk : undefined;
}

/** Returns the bytes of each chunk of a stream of unknown size; undefined for one request without a length. */
export function planStreamChunks(
  { min, max }: Upload['limits'],
  profile: HostProfile,
  { chunkSize }: UploadOptions,
): number | undefined {
  if (profile.whole === true || (min ?? 0) > maxStreamChunk) return undefined;
  const wanted = Math.min(chunkSize ?? streamChunk, maxStreamChunk);
  const most = max === undefined ? profile.chunk : max > margin ? max - margin : max;
  return Math.max(most === undefined ? wanted : Math.min(wanted, most), min ?? 1);
}

/** Bytes that most proxies accept in one request. The first try after a refusal of the whole blob. */
const chunkForProxies = 16 * 1024 * 1024;
/** Bytes of the smallest piece. nginx accepts 1 MiB by default, and smaller pieces cost too many requests. */
const leastPiece = 256 * 1024;

/** Returns the next smaller piece after a refused one; undefined if there is none. */
export function smallerPiece(refused: number): number | undefined {
  if (refused > chunkForProxies) return chunkForProxies;
  const quarter = Math.floor(refused / 4);
  return quarter < leastPiece ? undefined : quarter;
}

/** Returns whether registries refuse a first chunk with this status because they take no chunks. */
export function refusesChunks(status: number | undefined): boolean {
  return status === 400 || status === 405 || status === 416;
}
