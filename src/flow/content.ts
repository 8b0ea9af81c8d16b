/**
 * Bytes that can be read, lazily and from any place: opening is what costs, so a mounted blob is never opened
 * and a retry is another open.
 *
 * A yielded chunk is valid until the next one is asked for: a source may reuse its buffers, and a sink that keeps
 * bytes copies them.
 */
export interface Content {
  /** Bytes in all, where known. */
  readonly size?: number;
  /** Whether `open` may be called again, and with `from` and `to`. */
  readonly replayable: boolean;
  /** Fails, when read, with whatever the place behind it throws (BLOB_UNKNOWN, CUT_OFF, ...). */
  open(options?: OpenOptions): AsyncIterable<Uint8Array>;
}

export interface OpenOptions {
  /** First byte, default 0. */
  readonly from?: number;
  /** One past the last byte, default the end. */
  readonly to?: number;
  readonly signal?: AbortSignal;
}
