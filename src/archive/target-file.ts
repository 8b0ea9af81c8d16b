import { chmod, open, readlink, realpath, rename, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { isGantryError, NotFoundError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import { onArchiveFile } from './failure.ts';

/** The kind of a path that an archive is written to. */
export type TargetKind = 'new' | 'file' | 'folder' | 'pipe';

/** Returns the kind of a path. A link counts as its target. */
export async function kindOf(path: string): Promise<TargetKind> {
  try {
    const found = await onArchiveFile(path, () => stat(path));
    if (found.isDirectory()) return 'folder';
    return found.isFile() ? 'file' : 'pipe';
  } catch (error) {
    if (isGantryError(error, 'NAME_UNKNOWN')) return 'new';
    throw error;
  }
}

/** More links in a row than any system follows. */
const maxLinks = 40;

/**
 * Returns the path of the file to replace. A rename onto a link would replace the link, so this follows it, also when
 * its target does not exist yet: crane and skopeo open the path, which creates the target too.
 */
export async function fileToReplace(path: string, kind: TargetKind): Promise<string> {
  if (kind === 'file') return onArchiveFile(path, () => realpath(path));
  let target = path;
  for (let links = 0; links < maxLinks; links++) {
    if ((await lookAt(target))?.isSymbolicLink() !== true) break;
    target = await behindLink(target);
  }
  return target;
}

async function behindLink(link: string): Promise<string> {
  const target = await onArchiveFile(link, () => readlink(link));
  // Not `join`, which removes `..` by the text alone: the folder before it may be a link, too.
  const path = isAbsolute(target) ? target : `${dirname(link)}${sep}${target}`;
  try {
    return join(await onArchiveFile(path, () => realpath(dirname(path))), basename(path));
  } catch (cause) {
    if (!isGantryError(cause, 'NAME_UNKNOWN')) throw cause;
    const text = `${link} is a link to ${target}, and that folder does not exist: make it, or remove the link`;
    throw new NotFoundError('NAME_UNKNOWN', text, { cause });
  }
}

/** Replaces a file in one step. The new one gets its mode: an archive that only its owner may read stays one. */
export async function replace(path: string, draft: string): Promise<void> {
  const before = (await kindOf(path)) === 'file' ? await onArchiveFile(path, () => stat(path)) : undefined;
  if (before !== undefined) await onArchiveFile(draft, () => chmod(draft, before.mode & 0o777));
  await onArchiveFile(path, () => rename(draft, path));
  await flushFolder(dirname(path));
}

/** Makes the new name survive a power cut. Windows cannot open a folder, and loses no names. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await onArchiveFile(path, async () => {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}
