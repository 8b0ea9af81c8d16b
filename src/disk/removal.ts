import { dirname } from 'node:path';
import { lookAt, makeFolder, removeFile } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import type { DurableFiles } from './durable.ts';
import { digestOfFile } from './file-names.ts';
import { fileNamesIn, type RepositoryFolder } from './folder.ts';
import { moveIfThere, type Trashed, trashFolder, trashPath } from './trash.ts';

interface TrashRules {
  readonly dryRun: boolean;
  /** A file that was last used at this time or later stays. */
  readonly before: number;
}

/** Moves the files to the trash. Returns the digests of the moved ones. */
export async function putAside(
  folder: RepositoryFolder,
  kind: Trashed,
  digests: readonly Digest[],
  { dryRun }: TrashRules,
): Promise<readonly Digest[]> {
  if (dryRun) return digests;
  const moved: Digest[] = [];
  for (const digest of digests) {
    const trash = trashPath(folder.state, kind, digest);
    await makeFolder(dirname(trash));
    if (await moveIfThere(placeOf(folder, kind, digest), trash)) moved.push(digest);
  }
  return moved;
}

/**
 * Removes the file, unless it turns out to be needed, was used meanwhile, or was taken back. Returns whether it was
 * removed.
 */
export async function removeOrReturn(
  folder: RepositoryFolder,
  kind: Trashed,
  digest: Digest,
  needed: ReadonlySet<Digest> | undefined,
  { before }: TrashRules,
): Promise<boolean> {
  const trash = trashPath(folder.state, kind, digest);
  const seen = await lookAt(trash);
  if (seen === undefined) return false;
  if (needed === undefined || needed.has(digest) || seen.mtimeMs >= before) {
    await moveIfThere(trash, placeOf(folder, kind, digest));
    return false;
  }
  return removeFile(trash);
}

/** Removes a file that depends only on its own time and the number of its names. */
export async function removeIfOld(path: string, aside: string, { before }: TrashRules): Promise<boolean> {
  if (!(await moveIfThere(path, aside))) return false;
  const seen = await lookAt(aside);
  if (seen !== undefined && seen.nlink === 1 && seen.mtimeMs < before) return removeFile(aside);
  await moveIfThere(aside, path);
  return false;
}

/**
 * Removes a file also if a collection of garbage has it aside, or returns it at this moment. A deleted file would come
 * back otherwise. Returns whether it existed.
 */
export async function removeWithTrash(
  files: Pick<DurableFiles, 'remove'>,
  path: string,
  trash: string,
): Promise<boolean> {
  const removed = [await files.remove(path), await removeFile(trash), await files.remove(path)];
  return removed.includes(true);
}

export async function emptyTrash(folder: RepositoryFolder, kind: Trashed): Promise<void> {
  for (const file of await fileNamesIn(trashFolder(folder.state, kind))) {
    const digest = digestOfFile(file);
    if (digest === undefined) continue;
    await moveIfThere(trashPath(folder.state, kind, digest), placeOf(folder, kind, digest));
  }
}

function placeOf(folder: RepositoryFolder, kind: Trashed, digest: Digest): string {
  return kind === 'blobs' ? folder.blobPath(digest) : folder.manifestPath(digest);
}
