import type { HeaderMap } from '../wire/message.ts';
import type { RetryEvent } from './backoff.ts';
import type { RateLimit } from './rate-limit.ts';

/** What happens on the wire, for a log. Nothing in it is secret: URLs and headers are redacted. */
export type WireEvent =
  | {
      readonly kind: 'request';
      /** Ties an answer to its request. */
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
      /** From sending the request to the first byte of the answer. */
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
   * What a registry asks to be shown to the user, or we have to say of it: each text once for a host. Untrusted words.
   * Of a place on disk, `host` is its path.
   */
  | { readonly kind: 'warning'; readonly host: string; readonly text: string }
  /** How much may be asked of a host and how much is left, each time that it says something new of it. */
  | (RateLimit & { readonly kind: 'ratelimit'; readonly host: string });

/** Told of each event as it happens; must not throw. */
export type WireObserver = (event: WireEvent) => void;
