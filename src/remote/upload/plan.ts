import type { RetryOptions } from '../../http/backoff.ts';
import type { Upload } from '../../store/contract.ts';
import type { HostHabits } from '../host-profiles.ts';

/** How blobs are sent; nothing here is needed for it to work. */
export interface UploadOptions {
  /**
   * Where it says nothing, `defaultLayerRetry`. Attempts begin again when the registry has more of the blob than in any
   * session before, until ten times its size has been sent.
   */
  readonly retry?: RetryOptions | undefined;
  /** Bytes of a chunk, where a blob goes in chunks. What the registry asks for comes first. Default 96 MiB, of a stream 16 MiB. */
  readonly chunkSize?: number;
  /** Blobs of more bytes go in chunks. Default: none, unless the registry wants it. */
  readonly chunkThreshold?: number;
  /** Say the layer's media type with the commit, in the header `OCI-Layer-Media-Type`. */
  readonly sendMediaType?: boolean;
  /**
   * The registry that layers are mounted from, said with each such mount as `origin`. No part of the specification: a few
   * registries mount so from another one. Default: the own one, and it is not said.
   */
  readonly mountOrigin?: string;
}

const mebibyte = 1024 * 1024;
const defaultChunk = 96 * mebibyte;
/** Of a stream one chunk is kept in memory, so that it can be sent again. */
const streamChunk = 16 * mebibyte;
const maxStreamChunk = 64 * mebibyte;
/** A registry that counts more than the body into its maximum is not worth a refused chunk. */
const margin = 64 * 1024;

/** The bytes of each chunk; undefined: all in one request. */
export function planChunks(
  size: number,
  { min, max }: Upload['limits'],
  habits: HostHabits,
  { chunkSize, chunkThreshold }: UploadOptions,
): number | undefined {
  if (habits.whole === true) return undefined;
  const most = max === undefined ? habits.chunk : max > margin ? max - margin : max;
  const wanted = chunkSize ?? defaultChunk;
  const chunk = Math.max(most === undefined ? wanted : Math.min(wanted, most), min ?? 1);
  const asked = max !== undefined || min !== undefined;
  const threshold = chunkThreshold ?? habits.chunkOver ?? (asked ? chunk : Number.POSITIVE_INFINITY);
  // A threshold is a wish; what is more than the maximum would be refused.
  const must = max !== undefined && size > max;
  return (must || size > threshold) && size > chunk ? chunk : undefined;
}

/** As `planChunks`, where the size is not known; undefined: one request without a length. */
export function planStreamChunks(
  { min, max }: Upload['limits'],
  habits: HostHabits,
  { chunkSize }: UploadOptions,
): number | undefined {
  if (habits.whole === true || (min ?? 0) > maxStreamChunk) return undefined;
  const wanted = Math.min(chunkSize ?? streamChunk, maxStreamChunk);
  const most = max === undefined ? habits.chunk : max > margin ? max - margin : max;
  return Math.max(most === undefined ? wanted : Math.min(wanted, most), min ?? 1);
}
