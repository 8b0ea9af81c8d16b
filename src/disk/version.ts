import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isGantryError, StorageError, UnsupportedError } from '../errors.ts';
import { absentAs, lookAt, onDisk, replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';

/** The file that marks a folder as a store. */
export const markerName = 'gantry-store';
/** The format of the store: the meaning of its folders. A store with another format is not touched. */
const version = 'gantry store 1\n';

/** `cut`: a crash interrupted the write of the marker, and the rest of the folder looks like a store. */
export type Marker = 'absent' | 'whole' | 'cut';

/** Marks a folder as a store, and repairs a cut marker. Throws UNSUPPORTED for another format, IO_FAILED for a damaged marker. */
export async function markStore(root: string): Promise<void> {
  if ((await readMarker(root)) !== 'whole') {
    await replaceFile(join(root, markerName), new TextEncoder().encode(version));
  }
}

/**
 * Refuses an OCI layout that is not a store yet. A layout keeps its blobs where a store has its own, so a collection
 * would remove them. Throws IO_FAILED.
 */
export async function refuseLayout(root: string): Promise<void> {
  if (!(await isLayoutLike(root)) || (await readMarker(root)) === 'whole') return;
  throw new StorageError(
    'IO_FAILED',
    `${root} is an OCI layout, and a registry would take its blobs for its own: give it another folder, and push the layout to it`,
    { path: root },
  );
}

/** Returns the state of the marker. Throws IO_FAILED for a folder that is no store, UNSUPPORTED for another format. */
export async function mustBeStore(root: string): Promise<Marker> {
  const marker = await readMarker(root);
  if (marker !== 'absent') return marker;
  throw new StorageError('IO_FAILED', `${root} is not a store of gantry`, { path: root });
}

async function readMarker(root: string): Promise<Marker> {
  const path = join(root, markerName);
  const text = await readText(path);
  if (text === undefined) return 'absent';
  if (text === version) return 'whole';
  const other = /^gantry store (\d{1,9})\n$/.exec(text)?.[1];
  if (other !== undefined) {
    throw new UnsupportedError(
      'open',
      `${path}: this store was written by another version of gantry: its format is ${other}, and this version knows 1`,
    );
  }
  // After a power loss some file systems show the lost end of a file as zeros.
  const rest = text.replace(/\0+$/, '');
  if (!version.startsWith(rest)) throw damaged(path, 'its content is not from gantry');
  if (await looksLikeStore(root)) return 'cut';
  throw damaged(path, 'it is cut off, and nothing else there looks like a store');
}

/** Throws IO_FAILED for anything but a small regular file. A pipe does not block. */
async function readText(path: string): Promise<string | undefined> {
  try {
    const bytes = await readSmall(path, 1024);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  } catch (error) {
    if (isGantryError(error, 'TOO_LARGE')) throw damaged(path, 'it is larger than 1024 bytes');
    const seen = await lookAt(path);
    if (seen?.isDirectory() === true) throw damaged(path, 'it is a folder');
    if (seen?.isFile() === false) throw damaged(path, 'it is not a regular file');
    throw error;
  }
}

function damaged(path: string, why: string): StorageError {
  return new StorageError(
    'IO_FAILED',
    `${path} should be the file that marks a store of gantry, but ${why}: if ${dirname(path)} is a store, move this away, and the next start of "gantry serve" writes the file again; otherwise name another folder`,
    { path },
  );
}

const ownFolders: ReadonlySet<string> = new Set(['repositories', 'blobs', 'uploads', 'tmp', 'stale']);

/** Returns whether the folder has a folder of a store, or nothing but gantry's own files: the marker is the first file. */
async function looksLikeStore(root: string): Promise<boolean> {
  if (await isLayoutLike(root)) return false;
  const entries = await onDisk(root, () => absentAs([], readdir(root, { withFileTypes: true })));
  if (entries.some((entry) => entry.isDirectory() && ownFolders.has(entry.name))) return true;
  return entries.every(({ name }) => /^(?:\.gantry\..*|gantry-store.*|secret|lost\+found)$/.test(name));
}

async function isLayoutLike(root: string): Promise<boolean> {
  const found = await Promise.all(['oci-layout', 'index.json'].map((name) => lookAt(join(root, name))));
  return found.some((file) => file?.isFile());
}
