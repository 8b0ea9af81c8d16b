import { createPool, type Pool } from '../flow/pool.ts';
import { headerValue, parseRetryAfter } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { type Clock, sleep, systemClock } from './clock.ts';
import { parseTarget } from './target.ts';

export interface PaceOptions {
  /** Requests without a body, and requests with one, that wait for one host's answer at a time. Default 16 of each. */
  readonly jobs?: number;
  /** Longest that a host can make us hold back, in milliseconds. Default 60 s. */
  readonly cap?: number;
  readonly clock?: Clock;
}

interface Host {
  readonly asking: Pool;
  readonly sending: Pool;
  heldUntil: number;
}

/**
 * Limits how many requests a host gets at once, and holds all of them back when it asks for that (Retry-After on 429 or
 * 503). Lines that share one pace share both.
 *
 * A place is held until the answer begins: its body may feed another request to the same host. For the same reason
 * requests with a body have places of their own: their source may itself be a request that needs one.
 */
export function pace({ jobs = 16, cap = 60_000, clock = systemClock }: PaceOptions = {}): Middleware {
  const hosts = new Map<string, Host>();
  const hostOf = ({ url }: HttpRequest): Host => {
    const name = parseTarget(url).host;
    const known = hosts.get(name);
    if (known !== undefined) return known;
    const host = { asking: createPool(jobs), sending: createPool(jobs), heldUntil: 0 };
    hosts.set(name, host);
    return host;
  };
  const holdBack = (host: Host, { status, headers }: HttpResponse): void => {
    if (status !== 429 && status !== 503) return;
    const wait = parseRetryAfter(headerValue(headers, 'retry-after'), clock.now());
    if (wait !== undefined) host.heldUntil = Math.max(host.heldUntil, clock.now() + Math.min(wait, cap));
  };

  return (next) => (request) => {
    const host = hostOf(request);
    const { signal } = request;
    const pool = request.body === undefined ? host.asking : host.sending;
    const task = async (): Promise<HttpResponse> => {
      while (host.heldUntil > clock.now()) await sleep(clock, host.heldUntil - clock.now(), signal);
      const response = await next(request);
      holdBack(host, response);
      return response;
    };
    return pool.run(task, { signal });
  };
}
