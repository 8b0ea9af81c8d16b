import { ContentError } from '../errors.ts';
import type { Content, OpenOptions } from './content.ts';
import { isSpoilt } from './verify.ts';

export interface CollectOptions {
  /** In bytes. A longer source throws TOO_LARGE. No reading is without a limit. */
  readonly limit: number;
  /** The name of the source in errors. */
  readonly what: string;
}

/**
 * Reads a small source into an array of its own.
 * @throws TOO_LARGE above the limit
 */
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

/**
 * Reads small content, and reads it once more if its bytes fail verification.
 * @throws TOO_LARGE above the limit, and the errors of the content
 */
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

/** Reads to the end, keeps nothing and returns the number of bytes. */
export async function drain(source: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of source) length += chunk.byteLength;
  return length;
}

/** Ends a source without reading it, so that it releases its connection or file. */
export async function discard(source: AsyncIterable<Uint8Array>): Promise<void> {
  await source[Symbol.asyncIterator]().return?.();
}
