import { unlessAborted } from '../../flow/abort.ts';
import type { SignalOptions } from '../contract.ts';

type Ask<T> = (options: SignalOptions) => Promise<T>;

/** Asks each question once, however many want the answer at the same time. */
export type Questions<T> = (key: string, ask: Ask<T>, options?: SignalOptions) => Promise<T>;

/** Who goes away stops waiting and the question stays for the others; `stop` ends them all. */
export function createQuestions<T>(stop: AbortSignal): Questions<T> {
  const asked = new Map<string, Promise<T>>();
  return async (key, ask, { signal } = {}) => {
    signal?.throwIfAborted();
    const question = asked.get(key) ?? ask({ signal: stop }).finally(() => asked.delete(key));
    asked.set(key, question);
    return unlessAborted(question, signal);
  };
}
