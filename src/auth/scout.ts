import { unlessAborted } from '../flow/abort.ts';
import { sleep } from '../flow/sleep.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest } from '../wire/message.ts';

/**
 * Lets the first request to a registry go ahead of those that would be refused as it is. A request that is not the first
 * waits for the answer to it where a login is to be expected. Resolves when the request may go; the first tells the others
 * by what it gets: whether there was an answer. After a minute the others go all the same: a refusal costs them one request.
 */
export type Scout = (request: HttpRequest) => Promise<(answered: boolean) => void>;

/** Milliseconds; the timeouts of a request are as long. */
const patience = 60_000;

const tellNobody: Awaited<ReturnType<Scout>> = () => undefined;

/**
 * `expectsLogin` says whether a request has a login to show. It may ask the user's keychain, so it is not asked for one that
 * finds no other under way.
 */
export function createScout(
  expectsLogin: (request: HttpRequest) => Promise<boolean>,
  clock: Clock = systemClock,
): Scout {
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
    if (isAnswered) return tellNobody;
    // The source of a body may be another request to this registry.
    if (first === undefined) return request.body === undefined ? goAhead() : tellNobody;
    const unlessNeedless = expectsLogin(request).then((expected) => (expected ? first : undefined));
    const wait = new AbortController();
    const goOn = sleep(clock, patience, wait.signal);
    goOn.catch(() => undefined);
    try {
      await unlessAborted(Promise.race([first, unlessNeedless, goOn]), request.signal);
    } finally {
      wait.abort();
    }
    return tellNobody;
  };
}
