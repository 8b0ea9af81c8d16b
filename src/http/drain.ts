import { type Clock, systemClock } from '../time/clock.ts';

/** What is cheaper to read than a new connection is to make. */
const worthReading = 64 * 1024;

/** Milliseconds, which are more than a new connection takes. */
const worthWaiting = 1000;

/**
 * Is done with a body that nobody wants: a short one is read to its end, so that the connection can serve again; a long,
 * slow or broken one is let go.
 */
export async function drain(body: AsyncIterable<Uint8Array>, clock: Clock = systemClock): Promise<void> {
  const chunks = body[Symbol.asyncIterator]();
  await new Promise<void>((resolve) => {
    const cancel = clock.after(worthWaiting, () => {
      void end(chunks);
      resolve();
    });
    const done = (): void => {
      cancel();
      resolve();
    };
    // A failure means that its connection is gone, which is all that was asked for.
    readShort(chunks).then(done, done);
  });
}

/** Reads to the end, or ends what is long. */
async function readShort(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  for (let length = 0; ; ) {
    const next = await chunks.next();
    if (next.done === true) return;
    length += next.value.byteLength;
    if (length > worthReading) return end(chunks);
  }
}

async function end(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await chunks.return?.();
  } catch {
    // It is of no use in any case.
  }
}
