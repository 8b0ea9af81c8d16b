import { onAbort } from './abort.ts';
import type { Content, OpenOptions } from './content.ts';

export interface OpenedAhead {
  /** The same content, whose first whole reading has begun. */
  readonly content: Content;
  /** Ends that reading if nobody has taken it up. */
  close(): Promise<void>;
}

/** Begins to read at once, up to the first bytes, so that they are on their way while something else is waited for. */
export function openAhead(content: Content): OpenedAhead {
  const end = new AbortController();
  const bytes = content.open({ signal: end.signal })[Symbol.asyncIterator]();
  const first = bytes.next();
  // Told to whoever takes it up.
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
    // Only now: what is opened and never read has to be let go, too.
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
      end.abort();
      await bytes.return?.();
    },
  };
}
