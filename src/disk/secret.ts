import { StorageError } from '../errors.ts';
import { replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';

/** Bytes: as many as HMAC-SHA-256 can make use of. */
const length = 32;

/** The secret that stands in the file, made at the first call; for its owner's eyes only. */
export async function readSecret(path: string): Promise<Uint8Array> {
  const there = await readSmall(path, 1024);
  if (there !== undefined) {
    if (there.byteLength === length) return there;
    throw new StorageError('IO_FAILED', `${path} is not a secret of ${length} bytes`, { path });
  }
  const made = crypto.getRandomValues(new Uint8Array(length));
  await replaceFile(path, made, { mode: 0o600 });
  return made;
}
