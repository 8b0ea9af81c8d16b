/** What is cheaper to read than a new connection is to make. */
const worthReading = 64 * 1024;

/**
 * Is done with a body that nobody wants: a short one is read to its end, so that the connection can serve again; a long
 * or broken one is let go.
 */
export async function leave(body: AsyncIterable<Uint8Array>): Promise<void> {
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > worthReading) break;
    }
  } catch {
    // Its connection is gone, which is all that was asked for.
  }
}
