import type { HttpResponse, Middleware, Send } from '../wire/message.ts';
import { createSecrets, type Secrets } from '../wire/secrets.ts';
import { parseTargetUri, targetOf } from '../wire/target-uri.ts';
import type { RetryOptions } from './backoff.ts';
import { type Bandwidth, limitBandwidth } from './bandwidth.ts';
import type { WarningObserver, WireObserver } from './event.ts';
import { hedge } from './hedge.ts';
import { log } from './log.ts';
import { sentBy } from './origin.ts';
import { redirect } from './redirect.ts';
import { retry } from './retry.ts';
import { throttle } from './throttle.ts';
import { type TimeoutOptions, timeout } from './timeout.ts';
import { warnings } from './warnings.ts';

export interface LineOptions {
  /** The last step: the `send` of a transport, or any other Send, such as the handler of an embedded registry. */
  readonly transport: Send;
  /** Adds credentials. Redirects to another origin skip it. */
  readonly authorize?: Middleware | undefined;
  /**
   * Any URL of the registry. A request to another host comes from an address in one of the registry's answers, so the
   * origin policy limits which addresses its name may resolve to.
   */
  readonly home?: string | undefined;
  /** Whether redirects are followed. Default true. Token requests carry credentials and follow none. */
  readonly redirects?: boolean | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly timeouts?: TimeoutOptions | undefined;
  /** Pass the same middleware to all pipelines of a process, so that a host's limits apply to all of them together. */
  readonly throttle?: Middleware | undefined;
  /** Pass the same limit to all pipelines that share it. */
  readonly bandwidth?: Bandwidth | undefined;
  readonly observe?: WireObserver | undefined;
  /** Receives the warnings, which `observe` gets too. Without `observe` no other event is made. */
  readonly onWarning?: WarningObserver | undefined;
  /** The secrets that `authorize` and others add, for one registry. */
  readonly secrets?: Secrets | undefined;
}

/**
 * Creates the pipeline that every request passes: retry ▸ redirect ▸ authorize ▸ bandwidth ▸ throttle ▸ hedge ▸
 * timeout ▸ warnings ▸ log ▸ transport.
 */
export function createLine(options: LineOptions): Send {
  const { transport, authorize, home, redirects = true, timeouts, bandwidth, observe } = options;
  const { secrets = createSecrets() } = options;
  const logged = observed(transport, options);
  const throttled = (options.throttle ?? throttle())(hedge(timeouts)(timeout(timeouts)(logged)));
  const paced = bandwidth === undefined ? throttled : limitBandwidth(bandwidth)(throttled);
  const sending = held(home, paced);
  const authorized = authorize === undefined ? sending : authorize(sending);
  const redirected = redirects ? redirect({ foreign: sending })(authorized) : authorized;
  return prepared(retry(options.retry, observe)(redirected), secrets);
}

/** Adds the steps that report to the observers. */
function observed(transport: Send, { observe, onWarning }: LineOptions): Send {
  const logged = observe === undefined ? transport : log({ observe })(transport);
  if (observe === undefined && onWarning === undefined) return logged;
  return warnings((warning) => {
    observe?.({ kind: 'warning', ...warning });
    onWarning?.(warning);
  })(logged);
}

/** Parses the URL of each request once, for all steps, and gives the secrets to all steps and to the reader of the answer. */
function prepared(next: Send, { all: secrets }: Secrets): Send {
  return async ({ onLate, ...request }) => {
    const late = onLate && ((response: HttpResponse): void => onLate({ ...response, secrets }));
    const whole = { ...request, target: targetOf(request), secrets, onLate: late };
    return { ...(await next(whole)), secrets };
  };
}

/** Marks requests to other hosts as sent by `home`. The redirect middleware has marked its requests already. */
function held(home: string | undefined, next: Send): Send {
  if (home === undefined) return next;
  const target = parseTargetUri(home);
  return (request) => next(request.sentBy === undefined ? sentBy(request, home, { home: target }) : request);
}
