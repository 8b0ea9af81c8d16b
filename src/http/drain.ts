import { noBytes } from '../flow/content.ts';
import { type Clock, systemClock } from '../time/clock.ts';

/** Reading this many bytes is cheaper than opening a new connection. */
const worthReading = 64 * 1024;

/** Milliseconds. Opening a new connection takes less. */
const worthWaiting = 1000;

/**
 * Disposes of an unneeded body. Reads a short body to its end, so that its connection can be reused, and cancels a
 * long, slow or broken one.
 */
export async function drainBody(body: AsyncIterable<Uint8Array>, clock: Clock = systemClock): Promise<void> {
  if (body === noBytes) return;
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
    // A failure means that the connection is gone. Nothing is left to dispose of.
    readShort(chunks).then(done, done);
  });
}

/** Reads the body to its end, or cancels it when it is too long. */
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
    // The body is not needed, so its failure does not matter.
  }
}
