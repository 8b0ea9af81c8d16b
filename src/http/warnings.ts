import { headerLines, parseWarnings } from '../wire/headers.ts';
import type { Middleware } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import type { WarningObserver } from './event.ts';

/**
 * Limits the memory for remembered texts, since a registry can send new warnings, or redirect to new hosts, without
 * end.
 */
const maxRemembered = 1000;

/** Reports each new warning of each host to the observer. */
export function warnings(observe: WarningObserver): Middleware {
  const warned = new Set<string>();
  return (next) => async (request) => {
    const response = await next(request);
    const lines = headerLines(response.headers, 'warning');
    if (lines.length === 0) return response;
    const { host } = targetOf(request);
    for (const text of parseWarnings(lines, request.secrets)) {
      const key = `${host} ${text}`;
      if (warned.has(key) || warned.size >= maxRemembered) continue;
      warned.add(key);
      observe({ host, text });
    }
    return response;
  };
}
