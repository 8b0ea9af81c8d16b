import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { ProgressObserver } from './blob-progress.ts';
import type { SignalOptions } from './signal-options.ts';

/** Settings of `Blobs.start`. */
export interface StartOptions extends SignalOptions {
  /**
   * The algorithm of the digest that will close the upload, if known.
   * @defaultValue the algorithm of `digest`, or 'sha256'
   */
  readonly algorithm?: 'sha256' | 'sha512' | undefined;
  /**
   * The digest that will close the upload, if known.
   * @throws UNSUPPORTED for an algorithm that gantry does not compute
   */
  readonly digest?: Digest | undefined;
}

/**
 * An upload session, over HTTP, in memory or on disk. It takes bytes strictly in order. Leaving it without `cancel`
 * keeps it: `resume` continues it by id until the place forgets it.
 */
export interface Upload {
  /** Identifies the session for `resume`. Over HTTP it is the newest Location, byte-exact. */
  readonly id: string;
  /** The number of bytes that the place has. */
  readonly offset: number;
  /** The chunk sizes that the place asks for, in bytes. `min` does not bind the last chunk. */
  readonly limits: { readonly min?: number; readonly max?: number };
  /** Appends the content at `offset`, which advances by the bytes that arrived, even if the append fails midway. */
  append(content: Content, options?: AppendOptions): Promise<void>;
  /**
   * Appends `content` if given, closes the session and keeps the blob.
   * @throws DIGEST_INVALID when the bytes do not have this digest
   */
  commit(digest: Digest, content?: Content, options?: AppendOptions): Promise<Descriptor>;
  /**
   * Reads the bytes that the place has so far, unverified and up to `offset`. Yields nothing once the session has
   * ended. Absent where a place cannot read before the commit.
   */
  open?(options?: OpenOptions): AsyncIterable<Uint8Array>;
  /** Discards the session and its bytes. Does nothing if it has already ended. */
  cancel(options?: SignalOptions): Promise<void>;
}

/** Settings of `Upload.append` and `Upload.commit`. */
export interface AppendOptions extends SignalOptions {
  /** Receives the progress of the transfer. */
  readonly onProgress?: ProgressObserver | undefined;
}
