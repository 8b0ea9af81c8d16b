import { createHook } from 'node:async_hooks';

/**
 * Returns the number of requests to the file system during `task`. Unlike time, the number is the same on a busy
 * machine.
 */
export async function requestsOf(task: () => Promise<unknown>): Promise<number> {
  let requests = 0;
  const hook = createHook({
    init(_, type) {
      if (type.startsWith('FSREQ')) requests++;
    },
  });
  hook.enable();
  try {
    await task();
  } finally {
    hook.disable();
  }
  return requests;
}
