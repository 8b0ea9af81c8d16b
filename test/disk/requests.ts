import { createHook } from 'node:async_hooks';

/** How often `task` asks something of the file system. Unlike time, that is the same on a busy machine. */
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
