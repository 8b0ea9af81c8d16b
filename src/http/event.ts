import type { HeaderMap } from '../wire/message.ts';
import type { RetryEvent } from './backoff.ts';
import type { RateLimit } from './rate-limit.ts';

/**
 * A warning for the user, from a registry or about it. Each text is reported once per host. The text comes from outside:
 * do not trust it.
 */
export interface WireWarning {
  /** The host, or the path of a place on disk. */
  readonly host: string;
  /** One line of text. */
  readonly text: string;
}

/** Receives each warning. It must not throw. */
export type WarningObserver = (warning: WireWarning) => void;

/** One event on the wire, for a log. URLs and headers are redacted, so an event contains no secret. */
export type WireEvent =
  | {
      readonly kind: 'request';
      /** The same number in a request and in its answer or failure. */
      readonly id: number;
      /** The method of the request. */
      readonly method: string;
      /** The URL of the request, redacted. */
      readonly url: string;
      /** The headers, redacted. */
      readonly headers: HeaderMap;
    }
  | {
      readonly kind: 'response';
      /** The same number in a request and in its answer or failure. */
      readonly id: number;
      /** The method of the request. */
      readonly method: string;
      /** The URL of the request, redacted. */
      readonly url: string;
      /** The HTTP status of the answer. */
      readonly status: number;
      /** The headers, redacted. */
      readonly headers: HeaderMap;
      /** The time from sending the request to the first byte of the answer. */
      readonly milliseconds: number;
    }
  | {
      readonly kind: 'failure';
      /** The same number in a request and in its answer or failure. */
      readonly id: number;
      /** The method of the request. */
      readonly method: string;
      /** The URL of the request, redacted. */
      readonly url: string;
      /** The error of the request. */
      readonly error: unknown;
      /** The time from sending the request to its failure. */
      readonly milliseconds: number;
    }
  | (RetryEvent & {
      readonly kind: 'retry';
      /** The method of the request. */
      readonly method: string;
      /** The URL of the request, redacted. */
      readonly url: string;
    })
  /** A warning, see `WireWarning`. */
  | (WireWarning & { readonly kind: 'warning' })
  /** The request limit of a host and the number of requests left. Reported whenever it changes. */
  | (RateLimit & {
      readonly kind: 'ratelimit';
      /** The host that reported the limit. */
      readonly host: string;
    });

/** Receives each event as it happens. It must not throw. */
export type WireObserver = (event: WireEvent) => void;
