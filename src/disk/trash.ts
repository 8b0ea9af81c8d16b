import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, onDisk } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import { fileOf } from './file-names.ts';

/**
 * Where `gantry registry gc` puts a file aside while it looks once more whether anything needs it. Whoever misses the file
 * meanwhile takes it back, so it is never gone for somebody who still needs it.
 */
export function trashPath(state: string, kind: Trashed, digest: Digest): string {
  return join(trashFolder(state, kind), fileOf(digest));
}

export type Trashed = 'blobs' | 'manifests';

export function trashFolder(state: string, kind: Trashed): string {
  return join(state, 'trash', kind);
}

/** Answers whether there was anything to move. */
export async function moveIfThere(from: string, to: string): Promise<boolean> {
  return onDisk(to, () =>
    absentAs(
      false,
      rename(from, to).then(() => true),
    ),
  );
}
