import { manifestLimit } from '../json/manifest.ts';
import { amount, count, type Shape } from '../spec/options.ts';

/** Limits that keep a client from exhausting the registry. */
export interface Limits {
  /**
   * Bytes of a manifest; a longer one is refused with 413. Default and maximum 4 MiB, since clients need not read
   * longer ones.
   */
  readonly manifestBytes: number;
  /** Bytes of a blob; a longer one is refused with 413. Default: no limit. */
  readonly blobBytes: number;
  /**
   * Open upload sessions; one more is refused with 429. A user (without a login: an address of another machine) is
   * refused earlier, as soon as it has as many as are left.
   */
  readonly sessions: number;
  /** Open upload sessions in one repository. */
  readonly repositorySessions: number;
  /** Milliseconds without new bytes after which an upload session is closed when another one needs its place. */
  readonly sessionIdle: number;
  /**
   * Milliseconds without a byte after which the request that uses a session is ended if another request waits for the
   * session: its client has probably lost the connection and returned.
   */
  readonly patience: number;
  /** Names in one page of tags or repositories. Requests for more get this number. */
  readonly pageNames: number;
  /** Tags that one request may set on a manifest; more are refused with 414. */
  readonly tagParameters: number;
}

/** The checks of limits from plain JavaScript. */
export const limitsShape: Shape<Limits> = {
  manifestBytes: count,
  blobBytes: amount,
  sessions: amount,
  repositorySessions: amount,
  sessionIdle: amount,
  patience: amount,
  pageNames: count,
  tagParameters: amount,
};

/** The default limits. Sessions: 10,000 in all, 1,000 per repository, closed after an hour. Patience: 5 s. */
export const defaultLimits: Limits = {
  manifestBytes: manifestLimit,
  blobBytes: Number.POSITIVE_INFINITY,
  // A session needs about 1 KiB; all together need a tenth of the memory of the process.
  sessions: 10_000,
  // Fifty builds that push twenty layers at the same time.
  repositorySessions: 1_000,
  // Longer than a client waits between two chunks, shorter than a working day.
  sessionIdle: 3_600_000,
  // Longer than the retransmission of a lost packet takes.
  patience: 5_000,
  // About 128 KiB of the longest tags.
  pageNames: 1_000,
  // The specification requires ten; this many fit into a URL of 16 KiB.
  tagParameters: 100,
};
