import type { Middleware, Send } from '../wire/message.ts';
import type { RetryOptions } from './backoff.ts';
import type { WireObserver } from './event.ts';
import { hedge } from './hedge.ts';
import { log } from './log.ts';
import { sentBy } from './origin.ts';
import { redirect } from './redirect.ts';
import { retry } from './retry.ts';
import { throttle } from './throttle.ts';
import { type TimeoutOptions, timeout } from './timeout.ts';
import { published } from './wire-channel.ts';

export interface LineOptions {
  /** The end of the line: a transport's `send`, or any other Send, such as an embedded registry's handler. */
  readonly transport: Send;
  /** Adds credentials. Redirects to another origin go past it. */
  readonly authorize?: Middleware;
  /** Any URL of the registry. What goes to other hosts was named by its answers: the origin policy holds where it leads. */
  readonly home?: string;
  /** Whether redirects are followed. Default true; a line for token requests says no, since its requests carry credentials. */
  readonly redirects?: boolean;
  readonly retry?: RetryOptions | undefined;
  readonly timeouts?: TimeoutOptions;
  /** Give the same one to every line of a process, so that a host's limits hold for all of them. */
  readonly throttle?: Middleware;
  readonly observe?: WireObserver;
}

/** What every request goes through: retry ▸ redirect ▸ authorize ▸ throttle ▸ hedge ▸ timeout ▸ log ▸ transport. */
export function createLine(options: LineOptions): Send {
  const { transport, authorize, home, redirects = true, timeouts } = options;
  const observe = published(options.observe);
  const logged = observe === undefined ? transport : log({ observe })(transport);
  const throttled = held(home, (options.throttle ?? throttle())(hedge(timeouts)(timeout(timeouts)(logged))));
  const authorized = authorize === undefined ? throttled : authorize(throttled);
  const redirected = redirects ? redirect({ foreign: throttled })(authorized) : authorized;
  return retry(options.retry, observe)(redirected);
}

/** A redirect has named its sender already. */
function held(home: string | undefined, next: Send): Send {
  if (home === undefined) return next;
  return (request) => next(request.sentBy === undefined ? sentBy(request, home, { home }) : request);
}
