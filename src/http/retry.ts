import { isGantryError } from '../errors.ts';
import { headerValue, parseRetryAfter } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import { redactUrl } from '../wire/redact.ts';
import { type Clock, sleep, systemClock } from './clock.ts';
import type { WireObserver } from './event.ts';
import { leave } from './leave.ts';

export interface RetryOptions {
  /** How often a request is sent at most. Default 3; 1 is no retry. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, default 1000; each later wait is `factor` (default 3) times the one before. */
  readonly initial?: number;
  readonly factor?: number;
  /** Longest wait in milliseconds, also where Retry-After asks for more. Default 60 s. */
  readonly cap?: number;
  /** The part of a wait that is added at random at most, so that clients don't come back all at once. Default 0.1. */
  readonly jitter?: number;
  /** Statuses that may be better next time. */
  readonly statuses?: readonly number[];
  readonly onRetry?: WireObserver;
  readonly clock?: Clock;
  /** From 0 up to, not including, 1. */
  readonly random?: () => number;
}

/** The last two are nginx's "client closed request" and Cloudflare's "connection timed out". */
const transientStatuses = [408, 429, 500, 502, 503, 504, 499, 522];

/**
 * Sends requests with `replay: 'safe'` again when the failure may pass: a transient status, a broken or silent
 * connection, a name server that is busy. Retry-After is obeyed. A refused connection or an unknown name is final.
 */
export function retry(options: RetryOptions = {}): Middleware {
  const { attempts = 3, initial = 1000, factor = 3, cap = 60_000, jitter = 0.1, onRetry } = options;
  const { statuses = transientStatuses, clock = systemClock, random = Math.random } = options;

  const waitFor = (attempt: number, retryAfter: number | undefined): number =>
    Math.min(cap, (retryAfter ?? initial * factor ** (attempt - 1)) * (1 + jitter * random()));

  return (next) => async (request) => {
    if (!isRepeatable(request)) return await next(request);
    for (let attempt = 1; ; attempt++) {
      const outcome = await settle(next, request);
      if (attempt >= attempts || !isTransient(outcome, statuses)) return conclude(outcome);
      const { response, error } = outcome;
      const after = response && parseRetryAfter(headerValue(response.headers, 'retry-after'), clock.now());
      const wait = waitFor(attempt, after);
      if (response !== undefined) await leave(response.body);
      onRetry?.({
        kind: 'retry',
        method: request.method,
        url: redactUrl(request.url),
        attempt,
        attempts,
        wait,
        ...(response === undefined ? { error } : { status: response.status }),
      });
      await sleep(clock, wait, request.signal);
    }
  };
}

interface Outcome {
  readonly response?: HttpResponse;
  readonly error?: unknown;
}

async function settle(next: Send, request: HttpRequest): Promise<Outcome> {
  try {
    return { response: await next(request) };
  } catch (error) {
    request.signal?.throwIfAborted();
    return { error };
  }
}

function conclude({ response, error }: Outcome): HttpResponse {
  if (response === undefined) throw error;
  return response;
}

function isRepeatable({ replay, body }: HttpRequest): boolean {
  return replay === 'safe' && (body === undefined || body.replayable);
}

function isTransient({ response, error }: Outcome, statuses: readonly number[]): boolean {
  if (response !== undefined) return statuses.includes(response.status);
  if (['CUT_OFF', 'TIMED_OUT', 'STALLED'].some((code) => isGantryError(error, code))) return true;
  if (!isGantryError(error, 'NO_CONNECTION') || typeof error.cause !== 'object' || error.cause === null)
    return false;
  return 'code' in error.cause && error.cause.code === 'EAI_AGAIN';
}
