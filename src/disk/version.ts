import { join } from 'node:path';
import { StorageError, UnsupportedError } from '../errors.ts';
import { lookAt, replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';

/** What the folders mean; a store that was written otherwise is not touched. */
const version = 'gantry store 1\n';

/** Marks a folder that is a store by now. Throws UNSUPPORTED. */
export async function markStore(root: string): Promise<void> {
  if (!(await isStore(root)))
    await replaceFile(join(root, 'gantry-store'), new TextEncoder().encode(version));
}

/**
 * A layout keeps its blobs where a store has its own: a collection would remove them. Throws IO_FAILED for a folder that is
 * a layout and no store yet.
 */
export async function refuseLayout(root: string): Promise<void> {
  const found = await Promise.all(['oci-layout', 'index.json'].map((name) => lookAt(join(root, name))));
  if (!found.some((file) => file?.isFile()) || (await isStore(root))) return;
  throw new StorageError(
    'IO_FAILED',
    `${root} is an OCI layout, and a registry would take its blobs for its own: give it another folder, and push the layout to it`,
    { path: root },
  );
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
