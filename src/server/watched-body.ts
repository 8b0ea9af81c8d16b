import { TransportError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';

/** The body of a request as the store reads it. */
export interface WatchedBody {
  /** Ends with the request's signal, between two chunks. */
  readonly content: Content;
  /** What the body failed with by itself, which is no fault of the registry's and gets no answer. */
  broken(): { readonly error: unknown } | undefined;
  /** Ends it with CUT_OFF if its next chunk has been awaited for so many milliseconds; whether it did. */
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
              // Nobody ends an iterator that has failed, and the source knows nothing of it. After a cut it is still
              // waiting for its chunk, and its end may come as late as that.
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
