import type { HeaderMap } from '../wire/message.ts';
import type { RetryEvent } from './backoff.ts';
import type { RateLimit } from './rate-limit.ts';

/** One event on the wire, for a log. URLs and headers are redacted, so an event contains no secret. */
export type WireEvent =
  | {
      readonly kind: 'request';
      /** Links an answer or a failure to its request. */
      readonly id: number;
      readonly method: string;
      readonly url: string;
      readonly headers: HeaderMap;
    }
  | {
      readonly kind: 'response';
      readonly id: number;
      readonly method: string;
      readonly url: string;
      readonly status: number;
      readonly headers: HeaderMap;
      /** The time from sending the request to the first byte of the answer. */
      readonly milliseconds: number;
    }
  | {
      readonly kind: 'failure';
      readonly id: number;
      readonly method: string;
      readonly url: string;
      readonly error: unknown;
      readonly milliseconds: number;
    }
  | (RetryEvent & {
      readonly kind: 'retry';
      readonly method: string;
      readonly url: string;
    })
  /**
   * A warning for the user, from a registry or about it. Each text is reported once per host. The text comes from
   * outside: do not trust it. For a place on disk, `host` is its path.
   */
  | { readonly kind: 'warning'; readonly host: string; readonly text: string }
  /** The request limit of a host and the number of requests left. Reported whenever it changes. */
  | (RateLimit & { readonly kind: 'ratelimit'; readonly host: string });

/** Receives each event as it happens. It must not throw. */
export type WireObserver = (event: WireEvent) => void;
