import { unlessAborted } from '../flow/abort.ts';
import type { HttpRequest } from '../wire/message.ts';

/**
 * Lets the first request to a registry go ahead of those that would be refused as it is. A request that is not the first
 * waits for the answer to it where a login is to be expected. Resolves when the request may go; the first tells the others
 * by what it gets: whether there was an answer.
 */
export type Scout = (request: HttpRequest) => Promise<(answered: boolean) => void>;

const tellNobody: Awaited<ReturnType<Scout>> = () => undefined;

/** `expectsLogin` is asked only where two requests meet before there was any answer. */
export function createScout(expectsLogin: (request: HttpRequest) => Promise<boolean>): Scout {
  let first: Promise<void> | undefined;
  let isAnswered = false;

  const goAhead = (): ((answered: boolean) => void) => {
    const answer = new EventTarget();
    first = new Promise((resolve) => {
      answer.addEventListener('come', () => resolve());
    });
    return (answered) => {
      isAnswered ||= answered;
      if (!isAnswered) first = undefined;
      answer.dispatchEvent(new Event('come'));
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
