import { type Clock, systemClock } from '../time/clock.ts';
import { headerLines, parseWarnings } from '../wire/headers.ts';
import type { HeaderMap, HttpRequest, Middleware } from '../wire/message.ts';
import { redactHeaders, redactUrl } from '../wire/redact.ts';
import { targetOf } from '../wire/target-uri.ts';
import type { WireObserver } from './event.ts';
import { parseRateLimit } from './rate-limit.ts';

export interface LogOptions {
  readonly observe: WireObserver;
  readonly clock?: Clock | undefined;
}

/**
 * Limits the memory for remembered texts and hosts, since a registry can send new warnings, or redirect to new hosts,
 * without end.
 */
const maxRemembered = 1000;

/**
 * Reports every request, answer and failure, each new warning and each change of a host's limits to the observer.
 * Changes nothing itself.
 */
export function log({ observe, clock = systemClock }: LogOptions): Middleware {
  const warned = new Set<string>();
  /** The last reported limit of each host. */
  const limits = new Map<string, string>();
  let requests = 0;

  const warn = (request: HttpRequest, lines: readonly string[]): void => {
    for (const text of parseWarnings(lines, request.secrets)) {
      const { host } = targetOf(request);
      const key = `${host} ${text}`;
      if (warned.has(key) || warned.size >= maxRemembered) continue;
      warned.add(key);
      observe({ kind: 'warning', host, text });
    }
  };

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
      warn(request, headerLines(headers, 'warning'));
      limit(request, headers);
      return response;
    } catch (error) {
      observe({ kind: 'failure', ...told, error, milliseconds: clock.now() - start });
      throw error;
    }
  };
}
