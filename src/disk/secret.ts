import { join } from 'node:path';
import { isGantryError } from '../errors.ts';
import { isUnreadable, replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import type { DurableFiles } from './durable.ts';

/** Bytes: HMAC-SHA-256 can use no more. */
const length = 32;

/**
 * Returns the secret of the store, which the first call creates, readable only for its owner. A file of another length was
 * cut off by the disk, and a folder, a link or a pipe in its place is no secret. A new secret replaces it, which costs only
 * the tokens and sessions that were signed with the old one. Throws NO_PERMISSION when the file cannot be read.
 */
export async function readSecret(files: DurableFiles): Promise<Uint8Array> {
  const path = join(files.root, 'secret');
  const there = await readOrSetAside(files, path);
  if (there?.byteLength === length) return there;
  const made = crypto.getRandomValues(new Uint8Array(length));
  await replaceFile(path, made, { mode: 0o600 });
  return made;
}

async function readOrSetAside(files: DurableFiles, path: string): Promise<Uint8Array | undefined> {
  try {
    return await readSmall(path, 1024);
  } catch (error) {
    // The right to read can be given back, and the secret is the same then.
    if (!isUnreadable(error) || isGantryError(error, 'NO_PERMISSION')) throw error;
    await files.setAside(path);
    return undefined;
  }
}
