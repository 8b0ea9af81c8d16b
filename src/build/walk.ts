import type { Stats } from 'node:fs';
import { UnsupportedError } from '../errors.ts';
import { changedMeanwhile, joinedPath, linkTarget, listedNames, shownPath, statsOf } from './disk.ts';

/** A file, a folder or a symbolic link below a folder. */
export interface FoundFile {
  /** The path below the folder. */
  readonly path: string;
  readonly kind: FileKind;
  readonly isExecutable: boolean;
  readonly size: number;
  /** The time of the last change, by which a later reading notices another one. */
  readonly mtimeMs: number;
  /** The target of a symbolic link as it is written. */
  readonly linkname?: string | undefined;
}

export type FileKind = 'file' | 'directory' | 'symlink';

/**
 * Decides about a path. A folder may be taken with its content, or left out with it; or gantry looks inside, and takes the
 * folder only if it takes something in it.
 */
export type Choose = (path: string, kind: FileKind) => 'take' | 'leave' | 'look';

/** A folder on the way to a file that is not yet taken itself. */
interface Ahead {
  readonly file: FoundFile;
  readonly above: Ahead | undefined;
  taken: boolean;
}

interface Waiting {
  readonly path: string;
  readonly above: Ahead | undefined;
}

/**
 * Finds the chosen files below `start`, in byte order, each folder before its content.
 * @throws UNSUPPORTED for a chosen socket, pipe or device
 * @throws SIZE_INVALID when a file disappears meanwhile
 */
export function* walk(root: string, start: string, choose: Choose): Generator<FoundFile> {
  const waiting = childrenOf(root, start, undefined);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, above } = next;
    const stats = statsOf(root, path);
    if (stats === undefined) throw changedMeanwhile(root, path);
    const kind = kindOf(stats);
    const choice = choose(path, kind ?? 'file');
    if (choice === 'leave' || (choice === 'look' && kind !== 'directory')) continue;
    if (kind === undefined) throw notAFile(root, path);
    const file = foundFile(root, path, kind, stats);
    const ahead = { file, above, taken: false };
    if (choice === 'take') yield* untaken(ahead);
    if (kind === 'directory') waiting.push(...childrenOf(root, path, ahead));
  }
}

/** Returns the folders above a file that nothing has taken yet, and the file. */
function untaken(file: Ahead): readonly FoundFile[] {
  const found: FoundFile[] = [];
  for (let next: Ahead | undefined = file; next !== undefined && !next.taken; next = next.above) {
    next.taken = true;
    found.unshift(next.file);
  }
  return found;
}

/** Lists the content of a folder, the last name first. */
function childrenOf(root: string, path: string, above: Ahead | undefined): Waiting[] {
  return listedNames(root, path)
    .map((name) => ({ path: joinedPath(path, name), above }))
    .toReversed();
}

function foundFile(root: string, path: string, kind: FileKind, stats: Stats): FoundFile {
  return {
    path,
    kind,
    isExecutable: (stats.mode & 0o111) !== 0,
    size: kind === 'file' ? stats.size : 0,
    mtimeMs: stats.mtimeMs,
    ...(kind === 'symlink' ? { linkname: linkTarget(root, path) } : {}),
  };
}

function kindOf(stats: Stats): FileKind | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : undefined;
}

function notAFile(root: string, path: string): UnsupportedError {
  return new UnsupportedError(
    'build',
    `${shownPath(root, path)} is a socket, a pipe or a device, which an image cannot get from a folder: remove it, or list it in .dockerignore`,
  );
}
