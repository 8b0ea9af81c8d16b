import { chmod, open, readlink, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { InputError, isGantryError, NotFoundError } from '../errors.ts';
import { type Draft, type DraftWork, makeDraft } from '../files/draft.ts';
import { lookAt } from '../files/files.ts';
import { gathered } from '../flow/gather.ts';
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

/** Makes a draft in the folder of a file, so that a rename suffices at the end. `path` is the file in errors. */
export function draftFor(path: string, parent: string, work?: DraftWork): Promise<Draft> {
  return onArchiveFile(parent, () => makeDraft(parent, work)).catch((cause: unknown) => {
    if (!isGantryError(cause, 'NAME_UNKNOWN')) throw cause;
    throw new NotFoundError('NAME_UNKNOWN', `there is no folder ${parent} for ${path}: make it first`, {
      cause,
    });
  });
}

/**
 * Writes a stream to a path. A file appears there in one step when it is whole; a pipe gets the bytes as they come.
 * @throws INVALID_OPTION for a folder, NAME_UNKNOWN when the folder of the file does not exist, and the errors of the disk
 */
export async function writeWhole(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const kind = await kindOf(path);
  if (kind === 'folder') throw new InputError('INVALID_OPTION', `${path} is a folder: name a file in it`);
  if (kind === 'pipe') {
    await onArchiveFile(path, () => writeFile(path, gathered(bytes)));
    return;
  }
  const target = await fileToReplace(path, kind);
  await using draft = await draftFor(path, dirname(target));
  const file = join(draft.path, 'file');
  await onArchiveFile(path, () => writeFile(file, gathered(bytes), { flush: true }));
  await replace(target, file);
}
