import { ContentError } from '../errors.ts';
import type { TarEntry } from '../tar/entry.ts';
import { isSafeName, safeName } from '../tar/name.ts';

/** The part of a header that stays in memory. */
export type FileHeader = Omit<TarEntry, 'name' | 'stored' | 'sparse' | 'offset'>;

/** An entry of a layer that is no whiteout. */
export interface LayerEntry {
  /** The normalized path, without a slash at either end; `.` for the root. */
  readonly path: string;
  /** The position among all entries of the tar, from 0. */
  readonly position: number;
  readonly header: FileHeader;
  /** The normalized path that a hard link names. */
  readonly target?: string;
}

/** The changes that one layer makes to the tree of the layers below. */
export interface LayerChanges {
  readonly entries: readonly LayerEntry[];
  /** Paths that do not exist in the layers below, from whiteouts. */
  readonly removed: readonly string[];
  /** Directories with an opaque whiteout: it hides their content in the layers below. */
  readonly emptied: readonly string[];
  /** The first path that the layer lists twice, which a layer must not do. */
  readonly twice: string | undefined;
  /** Sentences about entries that no tool can apply. They are left out. */
  readonly faults: readonly string[];
}

/** Collects the changes of one layer from the entries of its tar. */
export interface LayerReader {
  /** @throws TOO_LARGE when the names of the layer have more characters than gantry keeps */
  add(header: TarEntry): void;
  changes(): LayerChanges;
}

/** In characters, for all names of a layer together; a whole distribution has 10 MiB. All are kept. */
const maxNames = 128 * 2 ** 20;
/** In characters. No system opens longer paths, and each part of a path takes memory. */
const maxPath = 4096;
/** Sentences about one layer. More would not help. */
const maxFaults = 20;

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
/** Metadata of aufs, which is no content. */
const metadata = '.wh..wh.';

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#representing-changes */
export function createLayerReader(what: string): LayerReader {
  const entries: LayerEntry[] = [];
  const removed: string[] = [];
  const emptied: string[] = [];
  const faults: string[] = [];
  const seen = new Set<string>();
  const headerOf = createHeaderOf();
  let twice: string | undefined;
  let room = maxNames;
  let position = 0;
  /** Returns a sentence about an entry that no tool can apply. */
  const faultOf = (header: TarEntry, at: number): string | undefined => {
    const path = pathOf(header.name, what);
    if (path === undefined) return `contains "${shown(header.name)}", which is no path in an image`;
    room -= path.length + 1;
    if (room < 0) throw tooManyNames(what);
    if (seen.has(path)) twice ??= path;
    seen.add(path);
    const { kind, path: changed } = changeOf(path);
    if (kind === 'removed') removed.push(changed);
    if (kind === 'emptied') emptied.push(changed);
    if (kind === 'invalid') return `contains the whiteout "${shown(path)}" of no path`;
    if (kind !== 'added') return undefined;
    if (path === '.' && header.type !== 'directory') return 'lists its root, and not as a directory';
    const { linkname = '' } = header;
    if (header.type === 'symlink' && linkname.length > maxPath)
      return `contains "${shown(path)}", a symbolic link with more than ${maxPath} characters`;
    const target = header.type === 'link' ? pathOf(linkname, what) : undefined;
    if (header.type === 'link' && target === undefined) {
      return `contains "${shown(path)}", a hard link to no path in an image`;
    }
    entries.push({
      path,
      position: at,
      header: headerOf(header),
      ...(target === undefined ? {} : { target }),
    });
    return undefined;
  };
  return {
    add(header) {
      const fault = faultOf(header, position++);
      if (fault !== undefined && faults.length < maxFaults) faults.push(fault);
    },
    changes: () => ({ entries, removed, emptied, twice, faults }),
  };
}

/** Returns a function that keeps each name of an owner once, since most files of an image have the same. */
function createHeaderOf(): (entry: TarEntry) => FileHeader {
  const names = new Map<string, string>();
  const kept = (name: string): string => {
    const known = names.get(name);
    if (known === undefined) names.set(name, name);
    return known ?? name;
  };
  return (entry) => {
    const { type, size, mode, mtime, nanoseconds, uid, gid, xattrs, windows, device } = entry;
    const { uname, gname, linkname } = entry;
    const header = { type, size, mode, mtime, nanoseconds, uid, gid, xattrs, windows, device };
    const named = { ...header, uname: kept(uname), gname: kept(gname) };
    return linkname === undefined ? named : { ...named, linkname };
  };
}

/** Normalizes a name in a layer. Unlike in other tars, a slash at the beginning means the root of the image. */
export function pathOf(name: string, what: string): string | undefined {
  const relative = name.replace(/^\/+/, '') || '.';
  return name !== '' && name.length <= maxPath && isSafeName(relative) ? safeName(relative, what) : undefined;
}

/** The meaning of a path in a layer. */
export interface PathChange {
  readonly kind: 'added' | 'removed' | 'emptied' | 'ignored' | 'invalid';
  readonly path: string;
}

/** Returns the meaning of a path in a layer. */
export function changeOf(path: string): PathChange {
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  const parent = parts.slice(0, -1).join('/') || '.';
  if (name === opaque) return { kind: 'emptied', path: parent };
  if (parts.some((part) => part.startsWith(metadata))) return { kind: 'ignored', path };
  if (!name.startsWith(whiteout)) return { kind: 'added', path };
  const rest = name.slice(whiteout.length);
  if (rest === '' || rest === '.' || rest === '..') return { kind: 'invalid', path };
  return { kind: 'removed', path: parent === '.' ? rest : `${parent}/${rest}` };
}

/** Shortens a name for a message. */
export function shown(name: string): string {
  return name.length > 200 ? `${name.slice(0, 200)}…` : name;
}

function tooManyNames(what: string): ContentError {
  return new ContentError('TOO_LARGE', `${what}: its names have more than ${maxNames} characters in all`, {
    expected: maxNames,
  });
}
