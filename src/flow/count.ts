import { type Content, mapContent } from './content.ts';

/** Hands the bytes on and tells how many went by, chunk by chunk. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    yield chunk;
    onBytes(chunk.byteLength);
  }
}

/** The same content, telling of every byte that is read, again for each time that it is. */
export function meteredContent(content: Content, onBytes: (bytes: number) => void): Content {
  return mapContent(content, (source) => counted(source, onBytes));
}
