/**
 * The reason with which gantry ends work whose result it no longer needs. One for all, since each new one records a
 * stack, which takes longer than the rest of the end.
 */
export const needless: DOMException = new DOMException('the result is no longer needed', 'AbortError');

/** The calls that wait for each signal. They live as long as the signal, and all callers share its one listener. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `act` when the signal aborts, or at once if it has already aborted. The returned function cancels the call.
 * Adds only one listener per signal, since Node reports more than ten on stderr as a leak.
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    act();
    return () => {};
  }
  const acts = waiting.get(signal) ?? listen(signal);
  acts.add(act);
  return () => acts.delete(act);
}

function listen(signal: AbortSignal): Set<() => void> {
  const acts = new Set<() => void>();
  waiting.set(signal, acts);
  signal.addEventListener(
    'abort',
    () => {
      for (const act of acts) act();
    },
    { once: true },
  );
  return acts;
}

/**
 * Runs the work with a signal of its own. The signal aborts with `outer`, and when the work has settled: this ends each
 * request that the work began and no longer waits for.
 */
export async function enclosed<T>(
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const release = onAbort(outer, () => end.abort(outer?.reason));
  try {
    return await work(end.signal);
  } finally {
    release();
    end.abort(needless);
  }
}

/** Waits for a promise that others await too. Rejects when the signal aborts, while the promise itself continues. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal?.reason));
    promise.then(resolve, reject).finally(release);
  });
}
