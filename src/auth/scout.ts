import { unlessAborted } from '../flow/abort.ts';
import type { HttpRequest } from '../wire/message.ts';

/**
 * Lets the first request to a registry go ahead of those that would be refused as it is. A request that is not the first
 * waits for the answer to it where a login is to be expected. Resolves when the request may go; the first tells the others
 * by what it gets: whether there was an answer.
 */
export type Scout = (request: HttpRequest) => Promise<(answered: boolean) => void>;

const tellNobody: Awaited<ReturnType<Scout>> = () => undefined;

/**
 * `expectsLogin` says whether a request has a login to show. It may ask the user's keychain, so it is not asked for one that
 * finds no other under way.
 */
export function createScout(expectsLogin: (request: HttpRequest) => Promise<boolean>): Scout {
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
    await unlessAborted(Promise.race([first, unlessNeedless]), request.signal);
    return tellNobody;
  };
}
