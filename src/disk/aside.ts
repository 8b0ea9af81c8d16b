import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { absentAs, lookAt, makeFolder, onDisk } from '../files/files.ts';
import { fileNamesIn } from './folder.ts';

/**
 * The folder of a store that keeps everything that stood in the place of one of its files. Such a thing may belong to a
 * person, so a collection of garbage removes it only after `asideAge`.
 */
export function asideFolder(root: string): string {
  return join(root, 'aside');
}

/** Milliseconds that a thing stays aside: 30 days. */
export const asideAge: number = 30 * 24 * 60 * 60 * 1000;

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const asideName = new RegExp(`^(?:(\\d{13})\\.)?${uuid}\\..`);

/** Returns a new path for a thing in the folder. The name has the time, because a move changes no time of a file everywhere. */
export function asidePath(root: string, path: string): string {
  return join(asideFolder(root), `${Date.now()}.${crypto.randomUUID()}.${basename(path)}`);
}

export async function moveAside(root: string, path: string): Promise<void> {
  await makeFolder(asideFolder(root));
  await onDisk(path, () => absentAs(undefined, rename(path, asidePath(root, path))));
}

export interface AsideThing {
  readonly path: string;
  /** The bytes that its removal frees; 0 for a folder. */
  readonly size: number;
}

/** Yields the things that were moved aside before the time `before`. Passes over every other name. */
export async function* oldAside(root: string, before: number): AsyncIterable<AsideThing> {
  const folder = asideFolder(root);
  for (const name of await fileNamesIn(folder)) {
    const parts = asideName.exec(name);
    if (parts === null) continue;
    const path = join(folder, name);
    const seen = await lookAt(path);
    if (seen === undefined) continue;
    // An older version of gantry wrote no time into the name.
    const moved = parts[1] === undefined ? Math.max(seen.ctimeMs, seen.mtimeMs) : Number(parts[1]);
    if (moved >= before) continue;
    yield { path, size: seen.isFile() && seen.nlink === 1 ? seen.size : 0 };
  }
}

export async function removeAside({ path }: AsideThing): Promise<void> {
  await onDisk(path, () => rm(path, { recursive: true, force: true }));
}
