import { CopyError, type GantryError, isGantryError } from '../errors.ts';
import { sleep } from '../flow/sleep.ts';
import {
  amount,
  arrayOf,
  type Check,
  callback,
  count,
  object,
  optionsOf,
  type Shape,
} from '../spec/options.ts';
import { type Clock, systemClock } from '../time/clock.ts';

/** How often and how long to retry. */
export interface RetryOptions {
  /**
   * Maximum number of attempts without progress in between; 1 means no retry.
   * @defaultValue 3
   */
  readonly attempts?: number | undefined;
  /**
   * Milliseconds before the second attempt. Each later wait is `factor` times the previous one.
   * @defaultValue 1000
   */
  readonly initial?: number | undefined;
  /**
   * The growth of the wait from one attempt to the next.
   * @defaultValue 3
   */
  readonly factor?: number | undefined;
  /**
   * Longest wait in milliseconds. A registry that asks for a longer one (Retry-After) gets no further attempt: the
   * operation fails at once, and the message names the wait.
   * @defaultValue 60000
   */
  readonly cap?: number | undefined;
  /**
   * The largest part of a wait that is added at random, so that clients do not return all at once.
   * @defaultValue 0.1
   */
  readonly jitter?: number | undefined;
  /**
   * HTTP statuses that may succeed on the next attempt.
   * @defaultValue `[408, 429, 499, 500, 502, 503, 504, 522]`
   */
  readonly statuses?: readonly number[] | undefined;
  /**
   * Decides whether an error is retried. `judged` is the default decision, from the statuses and the kind of the error.
   */
  readonly retryable?: ((error: unknown, judged: boolean) => boolean) | undefined;
  /** Called before each wait. Return `false` to stop retrying and to fail with the current error. */
  readonly onRetry?: ((event: RetryEvent) => unknown) | undefined;
  /**
   * The clock for the waits.
   * @defaultValue the system's clock
   */
  readonly clock?: Clock | undefined;
  /**
   * Returns a number from 0 up to, not including, 1.
   * @defaultValue `Math.random`
   */
  readonly random?: (() => number) | undefined;
}

/** The checks of the members of `RetryOptions` from plain JavaScript. */
export const retryShape: Shape<RetryOptions> = {
  attempts: count,
  initial: amount,
  factor: amount,
  cap: amount,
  jitter: amount,
  statuses: arrayOf(count),
  retryable: callback,
  onRetry: callback,
  clock: object,
  random: callback,
};

/** Checks retry options from plain JavaScript. */
export const retryOption: Check = optionsOf(retryShape);

/** Describes one failed attempt before the wait for the next one. */
export interface RetryEvent {
  /** The number of the attempt that failed, counted from 1. */
  readonly attempt: number;
  /** The maximum number of attempts. */
  readonly maxAttempts: number;
  /** The error of the failed attempt. */
  readonly error: unknown;
  /** Milliseconds until the next attempt. */
  readonly nextRetryIn: number;
}

/**
 * Retry options for layers and other large blobs, since their attempts cost more: 5 attempts, the first wait 2 s,
 * doubled each time.
 */
export const defaultLayerRetry: RetryOptions = { attempts: 5, initial: 2000, factor: 2 };

/** 499 is nginx's "client closed request", 522 Cloudflare's "connection timed out". */
const transientStatuses: readonly number[] = [408, 429, 499, 500, 502, 503, 504, 522];

/** The attempts at one operation. */
export interface Backoff {
  readonly clock: Clock;
  /**
   * Returns the milliseconds to wait before the next attempt, or undefined when the error is final. `retryAfter` is the
   * wait in milliseconds that the registry asked for; by default the one in the error. A wait beyond the cap is final.
   */
  plan(error: unknown, retryAfter?: number): number | undefined;
  /** Waits. Rejects at once with the signal's reason when the signal aborts. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Returns whether an answer with this status is final. If so, the caller needs no error object for it. */
  stands(status: number): boolean;
  /** Notes progress: counts the next failure as the first one again. */
  reset(): void;
}

export function createBackoff(options: RetryOptions = {}): Backoff {
  const { attempts = 3, initial = 1000, factor = 3, cap = 60_000, jitter = 0.1, onRetry } = options;
  const { statuses = transientStatuses, clock = systemClock, random = Math.random } = options;
  let attempt = 1;
  return {
    clock,
    plan(error, retryAfter = isGantryError(error) ? error.response?.retryAfter : undefined) {
      const judged = isTransient(error, statuses);
      if (attempt >= attempts || !(options.retryable?.(error, judged) ?? judged)) return undefined;
      // An earlier attempt would be refused for sure, and the whole wait is longer than a caller expects.
      if (retryAfter !== undefined && retryAfter > cap) return undefined;
      const wait = retryAfter ?? initial * factor ** (attempt - 1);
      const nextRetryIn = Math.min(cap, wait * (1 + jitter * random()));
      if (onRetry?.({ attempt, maxAttempts: attempts, error, nextRetryIn }) === false) return undefined;
      attempt++;
      return nextRetryIn;
    },
    wait: (milliseconds, signal) => sleep(clock, milliseconds, signal),
    stands: (status) => status < 400 || (options.retryable === undefined && !statuses.includes(status)),
    reset() {
      attempt = 1;
    },
  };
}

/**
 * Returns whether the same request may succeed later: after a transient status, a broken or silent connection, or a
 * busy name server.
 */
function isTransient(error: unknown, statuses: readonly number[]): boolean {
  // A CopyError comes from the source of a content that is being sent. The source has retried it already.
  if (!isGantryError(error) || error instanceof CopyError) return false;
  if (error.response !== undefined) return statuses.includes(error.response.status);
  if (['CUT_OFF', 'TIMED_OUT', 'STALLED'].includes(error.code)) return true;
  return error.code === 'NO_CONNECTION' && isBusyNameServer(error);
}

function isBusyNameServer({ cause }: GantryError): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'EAI_AGAIN';
}
