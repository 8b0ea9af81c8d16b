import type { Digest } from '../spec/digest.ts';
import type { SignalOptions } from './signal-options.ts';

/** Identifies the upload of one blob to one repository. */
export interface UploadKey {
  /** The place: for a registry its base URL, such as `https://ghcr.io`. */
  readonly place: string;
  /** The name of the repository. */
  readonly repository: string;
  /** The digest of the blob. */
  readonly digest: Digest;
  /** The size of the blob in bytes. A journal may ignore small blobs. */
  readonly size: number;
}

/**
 * Notes on running uploads that outlive the process, so that a later one can continue an upload. A place treats every note as
 * a hint: it verifies the continued upload by its digest, and a wrong or old note fails no upload. Errors of a journal fail no
 * upload, either.
 */
export interface UploadJournal {
  /** Returns the id of the noted session, for `Blobs.resume`; undefined without a note. */
  find(upload: UploadKey): Promise<string | undefined>;
  /** Notes the id of the session, in place of an earlier one. */
  note(upload: UploadKey, id: string): Promise<void>;
  /** Removes the note, because the upload is done or its session is gone. */
  forget(upload: UploadKey): Promise<void>;
  /**
   * Waits while another process sends the blob, and keeps others waiting until the turn is disposed. Without this method, two
   * processes that send one blob at the same time both send it. After a failure the upload goes on without the journal.
   */
  turn?(upload: UploadKey, options?: TurnOptions): Promise<UploadTurn>;
}

/** The right to send a blob while other processes wait. Dispose it after the upload. */
export interface UploadTurn extends AsyncDisposable {
  /** Whether another process had the turn at first: it may have finished the upload. */
  readonly waited: boolean;
}

/** Settings of `UploadJournal.turn`. */
export interface TurnOptions extends SignalOptions {
  /** Receives one sentence with the reason of the wait, after two seconds. */
  readonly onWait?: ((reason: string) => void) | undefined;
}
