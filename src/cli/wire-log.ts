import type { WireEvent } from '../http/event.ts';
import type { HeaderMap } from '../wire/message.ts';
import { errorLine } from './failure.ts';

/** Returns the lines of the wire log (-v) for one event, from which secrets are already removed. */
export function wireLines(event: WireEvent): string[] {
  switch (event.kind) {
    case 'request':
      return [`--> ${event.method} ${event.url}`, ...headerLines(event.headers)];
    case 'response':
      return [
        `<-- ${event.status} ${event.method} ${event.url} (${Math.round(event.milliseconds)} ms)`,
        ...headerLines(event.headers),
      ];
    case 'failure':
      return [`<-- ${event.method} ${event.url}: ${errorLine(event.error)}`];
    case 'retry': {
      const { method, url, attempt, maxAttempts, error } = event;
      const wait = (event.nextRetryIn / 1000).toFixed(1);
      return [
        `retry of ${method} ${url} in ${wait} s (attempt ${attempt} of ${maxAttempts}): ${errorLine(error)}`,
      ];
    }
    case 'ratelimit': {
      const { host, remaining, limit, window } = event;
      return [
        `limit of ${host}: ${remaining} of ${limit} left${window === undefined ? '' : ` in ${window} s`}`,
      ];
    }
    case 'warning':
      return [];
    default:
      return event satisfies never;
  }
}

function headerLines(headers: HeaderMap): string[] {
  return Object.entries(headers).flatMap(([name, lines]) => lines.map((line) => `    ${name}: ${line}`));
}
