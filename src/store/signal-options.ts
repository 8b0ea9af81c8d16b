/** The setting that all operations share. */
export interface SignalOptions {
  /** Aborts the operation, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
