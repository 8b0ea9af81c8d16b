import { CopyError, type GantryError, isGantryError } from '../errors.ts';
import { sleep } from '../flow/sleep.ts';
import { type Clock, systemClock } from '../time/clock.ts';

/** How often and how patiently something is tried again. */
export interface RetryOptions {
  /** How often it is tried at most, without progress in between. Default 3; 1 is no retry. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, default 1000; each later wait is `factor` (default 3) times the one before. */
  readonly initial?: number;
  readonly factor?: number;
  /** Longest wait in milliseconds, also where Retry-After asks for more. Default 60 s. */
  readonly cap?: number;
  /** The part of a wait that is added at random at most, so that clients don't come back all at once. Default 0.1. */
  readonly jitter?: number;
  /** Statuses that may be better next time. Default: 408, 429, 499, 500, 502, 503, 504, 522. */
  readonly statuses?: readonly number[];
  /** Has the last word on an error; `judged` is what the statuses and the kind of the error say. */
  readonly retryable?: (error: unknown, judged: boolean) => boolean;
  /** Told before each wait; answering `false` ends it with the error at hand. */
  readonly onRetry?: (event: RetryEvent) => unknown;
  readonly clock?: Clock;
  /** From 0 up to, not including, 1. */
  readonly random?: () => number;
}

export interface RetryEvent {
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly error: unknown;
  /** Milliseconds. */
  readonly nextRetryIn: number;
}

/** For a layer or any other large blob, whose attempts cost more: 5 attempts, 2 s doubling. */
export const defaultLayerRetry: RetryOptions = { attempts: 5, initial: 2000, factor: 2 };

/** 499 is nginx's "client closed request", 522 Cloudflare's "connection timed out". */
const transientStatuses: readonly number[] = [408, 429, 499, 500, 502, 503, 504, 522];

/** The attempts at one thing. */
export interface Backoff {
  readonly clock: Clock;
  /**
   * The milliseconds to wait before the next attempt; undefined if there is none, and the error stands.
   * `retryAfter`: what the far side asked for.
   */
  plan(error: unknown, retryAfter?: number): number | undefined;
  /** Rejects at once with the signal's reason when it aborts. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Whether an answer with this status stands, so that nobody has to make an error of it. */
  stands(status: number): boolean;
  /** There was progress: the next failure is the first one again. */
  reset(): void;
}

export function createBackoff(options: RetryOptions = {}): Backoff {
  const { attempts = 3, initial = 1000, factor = 3, cap = 60_000, jitter = 0.1, onRetry } = options;
  const { statuses = transientStatuses, clock = systemClock, random = Math.random } = options;
  let attempt = 1;
  return {
    clock,
    plan(error, retryAfter) {
      const judged = isTransient(error, statuses);
      if (attempt >= attempts || !(options.retryable?.(error, judged) ?? judged)) return undefined;
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

/** Whether the same may succeed next time: a transient status, a broken or silent connection, a busy name server. */
function isTransient(error: unknown, statuses: readonly number[]): boolean {
  // What failed was a content that is sent, at its source, where it was tried again already.
  if (!isGantryError(error) || error instanceof CopyError) return false;
  if (error.response !== undefined) return statuses.includes(error.response.status);
  if (['CUT_OFF', 'TIMED_OUT', 'STALLED'].includes(error.code)) return true;
  return error.code === 'NO_CONNECTION' && isBusyNameServer(error);
}

function isBusyNameServer({ cause }: GantryError): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'EAI_AGAIN';
}
