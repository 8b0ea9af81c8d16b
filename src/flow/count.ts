import { type Content, mapContent } from './content.ts';

/** Passes the bytes through and reports the length of each chunk. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    yield chunk;
    onBytes(chunk.byteLength);
  }
}

/** Reports every byte that is read, once for each reading. */
export function meteredContent(content: Content, onBytes: (bytes: number) => void): Content {
  return mapContent(content, (source) => counted(source, onBytes));
}
