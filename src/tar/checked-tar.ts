import { ContentError } from '../errors.ts';
import type { TarOptions } from './read.ts';
import { scanTar } from './scan.ts';

/**
 * Passes the bytes of a tar on unchanged, and checks meanwhile that they are one.
 * @throws MANIFEST_INVALID when the source is empty or no tar
 * @throws SIZE_INVALID when the tar is cut off; also the other errors of `readTar`
 */
export async function* checkedTar(
  source: AsyncIterable<Uint8Array>,
  { what = 'tar', signal }: TarOptions = {},
): AsyncIterable<Uint8Array> {
  const scan = scanTar(what, () => undefined);
  for await (const chunk of source) {
    signal?.throwIfAborted();
    scan.push(chunk);
    yield chunk;
  }
  scan.end();
  if (scan.offset === 0) throw new ContentError('MANIFEST_INVALID', `${what} is empty, and no tar archive`);
}
