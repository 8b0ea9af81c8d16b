import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, onDisk } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import { fileOf } from './file-names.ts';

/**
 * Returns the path where `gantry registry gc` keeps a file while it looks again for references to it. A reader that
 * misses the file meanwhile takes it back, so the file is never missing for a reader.
 */
export function trashPath(state: string, kind: Trashed, digest: Digest): string {
  return join(trashFolder(state, kind), fileOf(digest));
}

export type Trashed = 'blobs' | 'manifests';

export function trashFolder(state: string, kind: Trashed): string {
  return join(state, 'trash', kind);
}

/** Returns whether anything was moved. */
export async function moveIfThere(from: string, to: string): Promise<boolean> {
  return onDisk(to, () =>
    absentAs(
      false,
      rename(from, to).then(() => true),
    ),
  );
}
