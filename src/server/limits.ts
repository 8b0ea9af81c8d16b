import { manifestLimit } from '../json/manifest.ts';

/** How much may be asked of a registry, so that no client can exhaust it. */
export interface Limits {
  /** Bytes of a manifest; a longer one is refused with 413. 4 MiB is also the most: clients needn't read longer ones. */
  readonly manifestBytes: number;
  /** Bytes of a blob; a longer one is refused with 413. Default: no limit, the disk has one. */
  readonly blobBytes: number;
  /**
   * Upload sessions that are open at once; one more is refused with 429, and before that a user or, without a login, an address
   * of another machine that has as many as are left.
   */
  readonly sessions: number;
  /** The same in one repository. */
  readonly repositorySessions: number;
  /** Milliseconds without new bytes after which an upload session gives up its place to another. */
  readonly sessionIdle: number;
  /**
   * Milliseconds without a byte after which the request that holds a session is cut, if another one waits for the
   * session: its client has most likely lost the connection and come back.
   */
  readonly patience: number;
  /** Names in one page of tags or repositories, whatever a client asks for. */
  readonly pageNames: number;
  /** Tags that one request may give a manifest; more are refused with 414. */
  readonly tagParameters: number;
}

export const defaultLimits: Limits = {
  manifestBytes: manifestLimit,
  blobBytes: Number.POSITIVE_INFINITY,
  // Some 1 KiB each: a tenth of what the process needs by itself.
  sessions: 10_000,
  // Fifty builds that push twenty layers at once.
  repositorySessions: 1_000,
  // Longer than any client waits between two chunks, shorter than a working day.
  sessionIdle: 3_600_000,
  // Longer than a lost packet takes to be sent again.
  patience: 5_000,
  // Some 128 KiB of the longest tags.
  pageNames: 1_000,
  // The specification asks for ten; as many as this fit into an address of 16 KiB.
  tagParameters: 100,
};
