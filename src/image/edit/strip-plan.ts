import { InputError, UnsupportedError } from '../../errors.ts';
import type { TarEntry } from '../../tar/entry.ts';
import { isSafeName } from '../../tar/name.ts';
import type { EntryChange } from '../../tar/rewrite.ts';
import { changeOf, pathOf, shown } from '../layer-changes.ts';

/** Paths to remove from layers, with everything below them. */
export interface StrippedPaths {
  /** As the caller gave them, normalized. */
  readonly paths: readonly string[];
  /** Whether a path is one of them or below one. */
  has(path: string): boolean;
  /** Notes that a layer has the path. */
  found(path: string): void;
  /** Returns those that no layer has had. */
  missing(): readonly string[];
}

/**
 * Reads paths in an image; a slash at the beginning is optional.
 * @throws INVALID_OPTION for the root, and for a path that leads out of the image
 */
export function strippedPaths(texts: readonly string[]): StrippedPaths {
  const paths = texts.map((text) => {
    const path = isSafeName(text.replace(/^\/+/, '') || '.') ? pathOf(text, 'path') : undefined;
    if (path !== undefined && path !== '.') return path;
    throw new InputError('INVALID_OPTION', `"${shown(text)}" is no path below the root of an image`);
  });
  const missing = new Set(paths);
  return {
    paths,
    has: (path) => paths.some((one) => isIn(path, one)),
    found(path) {
      for (const one of missing) if (isIn(path, one)) missing.delete(one);
    },
    missing: () => [...missing],
  };
}

/** Whether a path is another one or below it. */
export function isIn(path: string, one: string): boolean {
  return path === one || path.startsWith(`${one}/`);
}

/** The changes that remove paths from one layer. */
export interface StripPlan {
  /** Adds the entries of the layer in their order. */
  add(entry: TarEntry, position: number): void;
  /** The changes by position, once all entries are added. */
  readonly changes: ReadonlyMap<number, EntryChange>;
}

/** A removed file. A hard link may need its content. */
interface Inode {
  readonly position: number;
  /** The name that has taken over the content. */
  name?: string;
}

/**
 * Plans the removal of paths from a layer: their entries, whiteouts of them, and hard links. The first remaining link to a
 * removed file becomes the file, in its place in the tar, and the others link to that one.
 * @throws UNSUPPORTED, when an entry is added, for a hard link to a removed file of a layer below
 */
export function createStripPlan(paths: StrippedPaths, what: string): StripPlan {
  const changes = new Map<number, EntryChange>();
  /** The content behind each removed name: in this layer, or under a name that stays. */
  const behind = new Map<string, Inode | string>();
  const follow = (link: TarEntry, position: number, target: string): void => {
    const inode = behind.get(target);
    if (inode === undefined) throw linkBelow(what, link.name, target);
    if (typeof inode === 'string') changes.set(position, { linkname: inode });
    else if (inode.name !== undefined) changes.set(position, { linkname: inode.name });
    else {
      inode.name = link.name;
      changes.set(inode.position, { name: link.name });
      changes.set(position, 'drop');
    }
  };
  return {
    changes,
    add(entry, position) {
      const path = pathOf(entry.name, what);
      if (path === undefined) return;
      const { kind, path: changed } = changeOf(path);
      const target = entry.type === 'link' ? pathOf(entry.linkname ?? '', what) : undefined;
      const isGone = paths.has(changed);
      if (isGone) {
        changes.set(position, 'drop');
        paths.found(changed);
      }
      if (kind !== 'added') return;
      const isTargetGone = target !== undefined && paths.has(target);
      if (!isGone && isTargetGone) follow(entry, position, target);
      if (!isGone || entry.type === 'directory') return;
      const content = isTargetGone ? behind.get(target) : (target ?? { position });
      if (content === undefined) behind.delete(path);
      else behind.set(path, content);
    },
  };
}

function linkBelow(what: string, name: string, target: string): UnsupportedError {
  return new UnsupportedError(
    'strip',
    `${what}: "${shown(name)}" is a hard link to "${shown(target)}" in a layer below, so removing that would leave it without content: remove both`,
  );
}
