import { replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';

/** Bytes: as many as HMAC-SHA-256 can make use of. */
const length = 32;

/**
 * The secret that stands in the file, made at the first call; for its owner's eyes only. A file of another length is one that
 * the disk has cut off: a new secret replaces it, which costs no more than the tokens and sessions signed with the old one.
 */
export async function readSecret(path: string): Promise<Uint8Array> {
  const there = await readSmall(path, 1024);
  if (there?.byteLength === length) return there;
  const made = crypto.getRandomValues(new Uint8Array(length));
  await replaceFile(path, made, { mode: 0o600 });
  return made;
}
