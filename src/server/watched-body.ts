import { TransportError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';

/** The body of a request as the store reads it. */
export interface WatchedBody {
  /** The body. It ends with the request's signal, between two chunks. */
  readonly content: Content;
  /** Returns the body's own failure. It is no fault of the registry and gets no answer. */
  broken(): { readonly error: unknown } | undefined;
  /**
   * Fails the body with CUT_OFF if its next chunk has been awaited for this many milliseconds. Returns whether it did.
   */
  cutAfter(milliseconds: number): boolean;
}

export function watchBody(body: Content, signal: AbortSignal | undefined): WatchedBody {
  let failure: { readonly error: unknown } | undefined;
  let awaited: { readonly since: number; readonly fail: (error: unknown) => void } | undefined;

  const watched = (source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => ({
    [Symbol.asyncIterator]() {
      const chunks = source[Symbol.asyncIterator]();
      return {
        next: () =>
          new Promise((resolve, reject) => {
            const fail = (error: unknown): void => {
              failure ??= { error };
              awaited = undefined;
              reject(error);
              // No consumer ends an iterator that has failed, and the source does not know of the failure. After a cut
              // the source still waits for its chunk, so its end may come late.
              chunks.return?.().catch(() => undefined);
            };
            awaited = { since: performance.now(), fail };
            chunks.next().then((result) => {
              if (failure !== undefined) return;
              if (signal?.aborted === true) return fail(signal.reason);
              awaited = undefined;
              resolve(result);
            }, fail);
          }),
        async return() {
          if (failure === undefined) await chunks.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  });

  return {
    content: mapContent(body, watched),
    broken: () => failure,
    cutAfter(milliseconds) {
      if (awaited === undefined || performance.now() - awaited.since < milliseconds) return false;
      awaited.fail(new TransportError('CUT_OFF', 'another request waits for the upload session'));
      return true;
    },
  };
}
