import { needless, onAbort } from './abort.ts';
import type { Content, OpenOptions } from './content.ts';

/** Content with a reading that has already started. */
export interface Prefetched {
  /** The same content. Its first complete reading continues the started one. */
  readonly content: Content;
  /** Ends the started reading, unless a reader has taken it over. */
  close(): Promise<void>;
}

/** Starts to read at once, up to the first bytes, so that they arrive while the caller waits for something else. */
export function prefetch(content: Content): Prefetched {
  const end = new AbortController();
  const bytes = content.open({ signal: end.signal })[Symbol.asyncIterator]();
  const first = bytes.next();
  // The reader that takes over gets the error.
  first.catch(() => undefined);
  let taken = false;
  const rest: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => rest,
    next: () => bytes.next(),
    return: async () => (await bytes.return?.()) ?? { done: true, value: undefined },
  };
  const begun = async function* (options: OpenOptions): AsyncIterable<Uint8Array> {
    const { signal } = options;
    if (taken) {
      yield* content.open(options);
      return;
    }
    // Set only here, since content that is opened and never read must be released too.
    taken = true;
    const release = onAbort(signal, () => end.abort(signal?.reason));
    try {
      const { done, value } = await first;
      if (done === true) return;
      yield value;
      yield* rest;
    } finally {
      release();
      await bytes.return?.();
    }
  };
  return {
    content: {
      ...content,
      open(options: OpenOptions = {}) {
        const { from = 0, to = content.size } = options;
        return from === 0 && to === content.size ? begun(options) : content.open(options);
      },
    },
    async close() {
      if (taken) return;
      taken = true;
      end.abort(needless);
      await bytes.return?.();
    },
  };
}
