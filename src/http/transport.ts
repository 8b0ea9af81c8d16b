import type { Send } from '../wire/message.ts';

/** Sends single requests unchanged. Knows nothing of retries, redirects and credentials. */
export interface Transport {
  /** Sends one request and resolves with its answer as soon as the headers have arrived. */
  readonly send: Send;
  /**
   * Announces that the given number of requests to the origin of `url` will follow, so that connections can be opened
   * early. Resolves when the connections are being opened.
   */
  preconnect?(url: string, requests: number): Promise<void>;
  /** Closes idle connections. Requests under way fail with CUT_OFF. */
  close(): Promise<void>;
}
