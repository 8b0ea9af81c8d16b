import { createHook } from 'node:async_hooks';

/** Standard streams, and work on files, which always ends by itself. */
const harmless: readonly string[] = ['PipeWrap', 'TTYWrap', 'FSReqCallback', 'FSReqPromise', 'Immediate'];
/** Turns of the event loop that an ended connection or timer needs to be gone. */
const turns = 20;

/** The place in the code that set each active timer. */
const timers = new Map<number, string>();

/** From now on, reports a timer that holds the process with the place that set it. */
export function followTimers(): void {
  createHook({
    init(id, type) {
      if (type === 'Timeout') timers.set(id, stack());
    },
    destroy(id) {
      timers.delete(id);
    },
  }).enable();
}

function stack(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(3);
  return lines
    .filter((line) => !line.includes('node:'))
    .slice(0, 4)
    .join('\n');
}

/**
 * Returns the resources that hold the process some turns of the event loop later: timers with their origin, sockets,
 * workers.
 */
export async function stillHeld(): Promise<readonly string[]> {
  let held: readonly string[] = [];
  for (let turn = 0; turn < turns; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    held = process.getActiveResourcesInfo().filter((name) => !harmless.includes(name));
    if (held.length === 0) return [];
  }
  return held.includes('Timeout') ? [...held, ...timers.values()] : held;
}
