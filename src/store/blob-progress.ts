/**
 * The progress of one blob, over all attempts. Progress bars show `moved`. No figure decreases, except `sent` of an
 * `Upload`.
 */
export interface BlobProgress {
  /** Bytes passed to the transport, including those of repeated attempts. */
  readonly sent: number;
  /** Bytes that the place has confirmed. Some registries confirm only at the end. */
  readonly acknowledged: number;
  /**
   * Bytes of the blob that were sent at least once or exist in the place, each counted once. Ends at the blob's size.
   */
  readonly moved: number;
}

/** Receives the progress of one blob. */
export type ProgressObserver = (progress: BlobProgress) => void;
