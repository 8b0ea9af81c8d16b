import { closeSync, readSync } from 'node:fs';
import { onDiskSync } from '../files/files.ts';
import type { TarFile } from '../tar/write.ts';
import { joinedPath, openRegularFile, shownPath } from './disk.ts';
import { resolveInside } from './inside.ts';
import type { FileOfLayer } from './layer-tar.ts';
import type { Addon } from './native/addons.ts';
import { type ObjectFile, readObjectFile } from './native/object-file.ts';
import type { FoundFile } from './walk.ts';

/** How files from the disk become entries of a layer. */
export interface EntryOptions {
  /** The folder that the files are below. No symbolic link may leave it. */
  readonly root: string;
  /** The folder in the image, without a slash at the front. */
  readonly to: string;
  /** For a single file: its path in the image, in place of one in `to`. */
  readonly as?: string | undefined;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode?: number | undefined;
  /** Receives each compiled addon of Node. */
  readonly onAddon: (addon: Addon) => void;
}

/**
 * Makes the entries of a layer. Only content and names of the files count, and whether a file is executable, so that the same
 * sources make the same layer on every machine. Hard links become files of their own: whether pnpm makes them depends on the
 * file systems of the machine.
 */
export function* entriesOf(files: Iterable<FoundFile>, options: EntryOptions): Generator<FileOfLayer> {
  const { root, to, as, onAddon } = options;
  if (to !== '' && as === undefined) yield { header: headerOf(to, 'directory', options) };
  for (const { path, kind, linkname, size, mtimeMs, isExecutable } of files) {
    const name = as ?? joinedPath(to, path);
    if (kind !== 'file') {
      if (kind === 'symlink') resolveInside(root, path, to);
      yield { header: { ...headerOf(name, kind, options), linkname } };
      continue;
    }
    if (name.endsWith('.node')) {
      const file = objectFileAt(root, path);
      if (file !== undefined) onAddon({ path: name, shown: shownPath(root, path), file });
    }
    const header = headerOf(name, isExecutable ? 'executable' : 'file', options);
    yield { header: { ...header, size }, content: { root, path, size, mtimeMs } };
  }
}

/** Makes the header of one file. */
function headerOf(
  name: string,
  kind: 'file' | 'executable' | 'directory' | 'symlink',
  { mtime, mode, owner = { uid: 0, gid: 0 } }: EntryOptions,
): TarFile {
  const type = kind === 'executable' ? 'file' : kind;
  return { name, type, mode: modeOf(kind, mode), mtime, ...owner };
}

function modeOf(kind: 'file' | 'executable' | 'directory' | 'symlink', mode: number | undefined): number {
  if (kind === 'symlink') return 0o777;
  if (mode === undefined) return kind === 'file' ? 0o644 : 0o755;
  // A folder that may be read may be entered.
  return kind === 'directory' ? mode | ((mode & 0o444) >> 2) : mode;
}

function objectFileAt(root: string, path: string): ObjectFile | undefined {
  const file = openRegularFile(root, path);
  try {
    return onDiskSync(shownPath(root, path), () =>
      readObjectFile((at, length) => {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, Number.isSafeInteger(at) ? readSync(file, bytes, 0, length, at) : 0);
      }),
    );
  } finally {
    closeSync(file);
  }
}
