import type { SignalOptions } from '../store/contract.ts';

/** The number of files that are read at the same time. More of them would only wait for each other. */
const together = 32;

/** Runs `task` for each item, several at once. Rejects with the first failure, after all running tasks have ended. */
export async function inSteps<T>(
  items: Iterable<T>,
  task: (item: T) => Promise<void>,
  { signal, atOnce = together }: SignalOptions & { readonly atOnce?: number } = {},
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failed = false;
  const work = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true && !failed; next = rest.next()) {
      try {
        signal?.throwIfAborted();
        await task(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, work));
  for (const result of workers) if (result.status === 'rejected') throw result.reason;
}
