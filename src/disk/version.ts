import { join } from 'node:path';
import { StorageError, UnsupportedError } from '../errors.ts';
import { readSmall, replaceFile } from '../files/files.ts';

/** What the folders mean; a store that was written otherwise is not touched. */
const version = 'gantry store 1\n';

/** Marks a folder that is a store by now. Throws UNSUPPORTED. */
export async function markStore(root: string): Promise<void> {
  if (!(await isStore(root)))
    await replaceFile(join(root, 'gantry-store'), new TextEncoder().encode(version));
}

/** Throws IO_FAILED for a folder that is no store, UNSUPPORTED for one of another version. */
export async function mustBeStore(root: string): Promise<void> {
  if (await isStore(root)) return;
  throw new StorageError('IO_FAILED', `${root} is not a store of gantry`, { path: root });
}

async function isStore(root: string): Promise<boolean> {
  const path = join(root, 'gantry-store');
  const bytes = await readSmall(path, 1024);
  if (bytes === undefined) return false;
  if (new TextDecoder().decode(bytes) === version) return true;
  throw new UnsupportedError('open', `${path}: this store was written by another version of gantry`);
}
