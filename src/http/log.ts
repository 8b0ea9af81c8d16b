import { headerLines, parseWarnings } from '../wire/headers.ts';
import type { Middleware } from '../wire/message.ts';
import { redactHeaders, redactUrl } from '../wire/redact.ts';
import { type Clock, systemClock } from './clock.ts';
import type { WireObserver } from './event.ts';
import { parseTarget } from './target.ts';

export interface LogOptions {
  readonly observe: WireObserver;
  readonly clock?: Clock;
}

/** A registry that sends ever new warnings can't fill the memory. */
const maxWarnings = 1000;

/** Tells the observer of every request, answer and failure, and of each new warning. Changes nothing. */
export function log({ observe, clock = systemClock }: LogOptions): Middleware {
  const warned = new Set<string>();
  let requests = 0;

  const warn = (url: string, lines: readonly string[]): void => {
    for (const text of parseWarnings(lines)) {
      const { host } = parseTarget(url);
      const key = `${host} ${text}`;
      if (warned.has(key) || warned.size >= maxWarnings) continue;
      warned.add(key);
      observe({ kind: 'warning', host, text });
    }
  };

  return (next) => async (request) => {
    const id = ++requests;
    const start = clock.now();
    const told = { id, method: request.method, url: redactUrl(request.url) };
    observe({ kind: 'request', ...told, headers: redactHeaders(request.headers) });
    try {
      const response = await next(request);
      const { status, headers } = response;
      const milliseconds = clock.now() - start;
      observe({ kind: 'response', ...told, status, headers: redactHeaders(headers), milliseconds });
      warn(request.url, headerLines(headers, 'warning'));
      return response;
    } catch (error) {
      observe({ kind: 'failure', ...told, error, milliseconds: clock.now() - start });
      throw error;
    }
  };
}
