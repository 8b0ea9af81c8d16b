import { type Clock, systemClock } from '../time/clock.ts';
import type { HeaderMap, HttpRequest, Middleware } from '../wire/message.ts';
import { redactHeaders, redactUrl } from '../wire/redact.ts';
import { targetOf } from '../wire/target-uri.ts';
import type { WireObserver } from './event.ts';
import { parseRateLimit } from './rate-limit.ts';

export interface LogOptions {
  readonly observe: WireObserver;
  readonly clock?: Clock | undefined;
}

/** Limits the memory for remembered hosts, since a registry can redirect to new ones without end. */
const maxRemembered = 1000;

/**
 * Reports every request, answer and failure, and each change of a host's limits to the observer. Changes nothing
 * itself.
 */
export function log({ observe, clock = systemClock }: LogOptions): Middleware {
  /** The last reported limit of each host. */
  const limits = new Map<string, string>();
  let requests = 0;

  const limit = (request: HttpRequest, headers: HeaderMap): void => {
    const rate = parseRateLimit(headers);
    if (rate === undefined) return;
    const { host } = targetOf(request);
    const said = JSON.stringify(rate);
    if (limits.get(host) === said || (!limits.has(host) && limits.size >= maxRemembered)) return;
    limits.set(host, said);
    observe({ kind: 'ratelimit', host, ...rate });
  };

  return (next) => async (request) => {
    const id = ++requests;
    const start = clock.now();
    const { method, secrets = [] } = request;
    const told = { id, method, url: redactUrl(request.url, secrets) };
    observe({ kind: 'request', ...told, headers: redactHeaders(request.headers, secrets) });
    try {
      const response = await next(request);
      const { status, headers } = response;
      const milliseconds = clock.now() - start;
      observe({ kind: 'response', ...told, status, headers: redactHeaders(headers, secrets), milliseconds });
      limit(request, headers);
      return response;
    } catch (error) {
      observe({ kind: 'failure', ...told, error, milliseconds: clock.now() - start });
      throw error;
    }
  };
}
