import { needless, unlessAborted } from '../flow/abort.ts';
import { sleep } from '../flow/sleep.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest } from '../wire/message.ts';

/**
 * Sends the first request to a registry before others that would be refused without its challenge. Another request
 * waits for the answer to the first one if a login is expected. Resolves when the request may be sent. The first
 * request calls the returned function with whether it got an answer. After a minute the others are sent anyway: a
 * refusal costs each of them one request.
 */
export type FirstRequest = (request: HttpRequest) => Promise<(answered: boolean) => void>;

/** Milliseconds, like the timeouts of a request. */
const patience = 60_000;

const noOthers: Awaited<ReturnType<FirstRequest>> = () => undefined;

/**
 * `expectsLogin` returns whether a request has a login. It may ask the user's keychain, so it is called only while
 * another request is under way.
 */
export function createFirstRequest(
  expectsLogin: (request: HttpRequest) => Promise<boolean>,
  clock: Clock = systemClock,
): FirstRequest {
  let first: Promise<void> | undefined;
  let isAnswered = false;

  const goAhead = (): ((answered: boolean) => void) => {
    let letOthersGo: (() => void) | undefined;
    first = new Promise((resolve) => {
      letOthersGo = resolve;
    });
    return (answered) => {
      isAnswered ||= answered;
      if (!isAnswered) first = undefined;
      letOthersGo?.();
    };
  };

  return async (request) => {
    if (isAnswered) return noOthers;
    // The source of a body may itself be a request to this registry.
    if (first === undefined) return request.body === undefined ? goAhead() : noOthers;
    const unlessNeedless = expectsLogin(request).then((expected) => (expected ? first : undefined));
    const wait = new AbortController();
    const goOn = sleep(clock, patience, wait.signal);
    goOn.catch(() => undefined);
    try {
      await unlessAborted(Promise.race([first, unlessNeedless, goOn]), request.signal);
    } finally {
      wait.abort(needless);
    }
    return noOthers;
  };
}
