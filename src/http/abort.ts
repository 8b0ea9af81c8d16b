import { setMaxListeners } from 'node:events';

/**
 * Calls `react` once when the signal aborts (now, if it has); the answer takes it back.
 * One signal of the caller's stands behind any number of requests, which Node would warn of as a leak.
 */
export function onAbort(signal: AbortSignal | undefined, react: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    react();
    return () => {};
  }
  setMaxListeners(0, signal);
  signal.addEventListener('abort', react, { once: true });
  return () => signal.removeEventListener('abort', react);
}
