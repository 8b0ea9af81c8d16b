import { ContentError } from '../errors.ts';
import type { Content, OpenOptions } from './content.ts';
import { isSpoilt } from './verify.ts';

export interface CollectOptions {
  /** Bytes; one more throws TOO_LARGE. There is no reading without a limit. */
  readonly limit: number;
  /** What an error calls the source. */
  readonly what: string;
}

/** The whole of a small source as one array of its own. Throws TOO_LARGE. */
export async function collect(
  source: AsyncIterable<Uint8Array>,
  { limit, what }: CollectOptions,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.byteLength;
    if (length > limit) {
      throw new ContentError('TOO_LARGE', `${what} is larger than the limit of ${limit} bytes`, {
        expected: limit,
        actual: length,
      });
    }
    chunks.push(new Uint8Array(chunk));
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** The whole of small content; what comes spoilt is read once more. Throws as `collect`, and what the content throws. */
export async function collectContent(
  content: Content,
  { signal, ...options }: CollectOptions & Pick<OpenOptions, 'signal'>,
): Promise<Uint8Array> {
  const read = (): Promise<Uint8Array> => collect(content.open({ signal }), options);
  return read().catch((error: unknown) => {
    if (content.replayable && isSpoilt(error)) return read();
    throw error;
  });
}

/** Reads to the end and keeps nothing; answers the number of bytes. */
export async function drain(source: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of source) length += chunk.byteLength;
  return length;
}

/** Ends a source that nobody will read, so that what stands behind it is let go. */
export async function discard(source: AsyncIterable<Uint8Array>): Promise<void> {
  await source[Symbol.asyncIterator]().return?.();
}
