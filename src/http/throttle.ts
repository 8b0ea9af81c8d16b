import { sleep } from '../flow/sleep.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { headerValue, parseRetryAfter } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import { type AdaptiveLimit, createAdaptiveLimit } from './adaptive-limit.ts';

export interface ThrottleOptions {
  /**
   * Maximum number of requests that wait for an answer of one host, counted separately for requests with and without a
   * body. Default 32 each.
   */
  readonly jobs?: number | undefined;
  /**
   * Longest time in milliseconds that a host can hold requests back. A host that asks for a longer one holds nothing
   * back: each request gets its refusal at once. Default 60 s.
   */
  readonly cap?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Returns a number from 0 up to, not including, 1. */
  readonly random?: (() => number) | undefined;
}

interface Host {
  readonly asking: AdaptiveLimit;
  readonly sending: AdaptiveLimit;
  heldUntil: number;
}

/** Milliseconds over which held requests are spread, so that they do not all return at once. */
const spread = 1000;

/**
 * Limits the number of concurrent requests to each host, and holds all of them back while the host asks for it
 * (Retry-After). Each 429 and 503 lowers the limit, and other answers slowly raise it again. Pipelines that share one
 * throttle share both.
 *
 * A request holds its place until its answer begins, because the body of the answer may feed another request to the
 * same host. For the same reason requests with a body have places of their own: their source may be a request that
 * needs a place, too.
 */
export function throttle(options: ThrottleOptions = {}): Middleware {
  const { jobs = 32, cap = 60_000, clock = systemClock, random = Math.random } = options;
  const hosts = new Map<string, Host>();
  const hostOf = (request: HttpRequest): Host => {
    const name = targetOf(request).host;
    const known = hosts.get(name);
    if (known !== undefined) return known;
    const host = {
      asking: createAdaptiveLimit(jobs, clock),
      sending: createAdaptiveLimit(jobs, clock),
      heldUntil: 0,
    };
    hosts.set(name, host);
    return host;
  };
  const holdBack = (host: Host, { headers }: HttpResponse): void => {
    const wait = parseRetryAfter(headerValue(headers, 'retry-after'), clock.now());
    if (wait !== undefined && wait <= cap) host.heldUntil = Math.max(host.heldUntil, clock.now() + wait);
  };
  const untilReleased = async (host: Host, signal: AbortSignal | undefined): Promise<void> => {
    for (let left = host.heldUntil - clock.now(); left > 0; left = host.heldUntil - clock.now()) {
      await sleep(clock, left + Math.min(spread, left) * random(), signal);
    }
  };

  return (next) => async (request) => {
    const host = hostOf(request);
    const { signal } = request;
    const release = await (request.body === undefined ? host.asking : host.sending).enter(signal);
    try {
      await untilReleased(host, signal);
      const response = await next(request);
      const throttled = response.status === 429 || response.status === 503;
      if (throttled) holdBack(host, response);
      release(throttled ? 'throttled' : 'answered');
      return response;
    } finally {
      release(undefined);
    }
  };
}
