import { ContentError } from '../errors.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { TarType } from '../tar/entry.ts';
import { Column } from './columns.ts';
import type { FileEntry, FileWithContent, ReadFilesOptions } from './file-entry.ts';
import { entriesOfFile, entryOf, listing, sortedEntries } from './file-listing.ts';
import { FileTree, tooManyFiles } from './file-tree.ts';
import type { OpenLayer } from './layer-bodies.ts';
import { type LayerChanges, shown } from './layer-changes.ts';
import { tarOfListing } from './listing-tar.ts';
import { PathTable, rootPath } from './path-table.ts';
import { readListing } from './read-listing.ts';

/** The names of a merged file system. */
export interface FileLookup {
  /**
   * Yields the directories, each before its content, and then the files in the order of the layers and their tars, each
   * followed by its other names. The order depends on the layers only, and a tar in this order can be unpacked.
   */
  entries(): Iterable<FileEntry>;
  /**
   * Finds a path. Follows symbolic links within the root of the image.
   * @throws MANIFEST_INVALID when the links form a loop
   */
  find(path: string): FileEntry | undefined;
  /**
   * Returns a path with its symbolic links resolved, also of a file that does not exist; undefined if a part of it is no
   * directory, and for the root.
   * @throws MANIFEST_INVALID when the links form a loop
   */
  resolvePath(path: string): string | undefined;
  /** As `find`, and returns the layer and the position in its tar. A directory that no layer lists has no position. */
  locate(
    path: string,
  ): { readonly type: TarType; readonly layer: number; readonly position: number } | undefined;
}

/**
 * The merged file system of an image, from the headers of its layers. Whiteouts, opaque directories and hard links are
 * resolved in it.
 */
export interface FileSystem extends FileLookup {
  readonly tree: FileTree;
  /**
   * Applies the next layer. Returns sentences about the entries that cannot be applied, and leaves these out.
   * @throws TOO_LARGE above a million files
   */
  apply(changes: LayerChanges): readonly string[];
  /** Yields all entries in the byte order of their paths. */
  sorted(): Iterable<FileEntry>;
  /**
   * Yields the entries with their content. `open` opens the uncompressed tar of a layer; each is opened at most once,
   * and read to its end.
   */
  files(open: OpenLayer, options?: ReadFilesOptions): AsyncIterable<FileWithContent>;
  /** Yields the entries with their content as one tar. */
  tar(open: OpenLayer, options?: SignalOptions): AsyncIterable<Uint8Array>;
}

/**
 * Makes an empty file system, to which the layers are applied from the bottom.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets
 */
export function createFileSystem(paths: PathTable = new PathTable()): FileSystem {
  const tree = new FileTree(paths);
  return {
    tree,
    apply: (changes) => applyLayer(tree, changes),
    *entries() {
      const all = listing(tree);
      yield* all.first();
      for (const file of all.files()) yield* entriesOfFile(tree, file);
    },
    find(path) {
      const found = nodeAt(tree, path);
      return found === undefined ? undefined : entryOf(tree, found, path);
    },
    resolvePath: (path) => resolvePath(tree, path),
    locate(path) {
      const found = nodeAt(tree, path);
      if (found === undefined) return undefined;
      const inode = tree.inodeOf(found);
      if (inode === undefined || tree.isDirectory(found)) return { type: 'directory', layer: 0, position: 0 };
      const { type, position } = tree.inodes.headerOf(inode);
      return { type, layer: tree.inodes.layerOf(inode), position };
    },
    sorted: () => sortedEntries(tree),
    files: (open, options) => readListing({ tree, listing: listing(tree) }, open, options),
    tar: (open, options) => tarOfListing({ tree, listing: listing(tree) }, open, options),
  };
}

function nodeAt(tree: FileTree, path: string): number | undefined {
  const found = tree.walk(path, { follow: true });
  if (found === 'a loop') throw loopOf(path);
  return typeof found === 'string' ? undefined : found;
}

/** A missing directory is made when the file is. */
function resolvePath(tree: FileTree, path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const missing: string[] = [];
  for (;;) {
    const found = tree.walk(parts.join('/'), { follow: true });
    if (found === 'a loop') throw loopOf(path);
    if (found === 'not a directory') return undefined;
    if (found !== 'missing') {
      const whole = [tree.paths.textOf(found), ...missing].filter((part) => part !== '.').join('/');
      return whole === '' ? undefined : whole;
    }
    const name = parts.pop();
    if (name === undefined || name === '..') return undefined;
    missing.unshift(name);
  }
}

function loopOf(path: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `the symbolic links of "${shown(path)}" form a loop`);
}

/**
 * Whiteouts concern only the layers below, at any position in the tar, so they come first. A hard link names the file
 * as it is when the layer is applied: a file of this layer, else one of the layers below.
 */
function applyLayer(tree: FileTree, changes: LayerChanges): readonly string[] {
  if (changes.paths !== tree.paths) throw new RangeError('the layer has another table of paths');
  if (changes.isCut) throw tooManyFiles();
  const faults = [...changes.faults];
  const first = tree.inodes.add(changes);
  const linked = changes.hasLinks ? linksOf(tree, changes, first) : undefined;
  removeBelow(tree, changes);
  for (let entry = 0; entry < changes.count; entry++) {
    const target = changes.targetOf(entry);
    const inode = target === undefined ? first + entry : linked?.(target);
    const fault = inode === undefined ? missingTarget(changes, entry) : put(tree, changes, entry, inode);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

function removeBelow(tree: FileTree, { paths, emptied, removed }: LayerChanges): void {
  for (const path of emptied) {
    const found = tree.walkPath(path, { follow: true });
    if (typeof found === 'number' && tree.isDirectory(found)) tree.empty(found);
  }
  for (const path of removed) {
    const parent = tree.walkPath(paths.parentOf(path), { follow: true });
    if (typeof parent !== 'number' || !tree.isDirectory(parent)) continue;
    const found = paths.find(parent, paths.nameOf(path));
    if (found !== undefined && tree.has(found)) tree.remove(found);
  }
}

/** Returns a function that finds the file that a hard link names, through other links of the layer. */
function linksOf(
  tree: FileTree,
  changes: LayerChanges,
  first: number,
): (target: number) => number | undefined {
  // By path, each one more, since 0 means none: the last inode of the layer, the target of the last link, the inode below.
  const [own, links, below] = [new Column(), new Column(), new Column()];
  for (let entry = 0; entry < changes.count; entry++) {
    const target = changes.targetOf(entry);
    if (target === undefined) own.set(changes.pathOf(entry), first + entry + 1);
    else links.set(changes.pathOf(entry), target + 1);
  }
  for (let entry = 0; entry < changes.count; entry++) {
    const target = changes.targetOf(entry);
    if (target === undefined || own.get(target) !== 0 || links.get(target) !== 0) continue;
    const found = tree.walkPath(target);
    if (typeof found === 'number') below.set(target, (tree.inodeOf(found) ?? -1) + 1);
  }
  return (target) => {
    const seen = new Set<number>();
    let at = target;
    while (own.get(at) === 0 && links.get(at) !== 0 && !seen.has(at)) {
      seen.add(at);
      at = links.get(at) - 1;
    }
    // So that a long chain is not followed once for each of its links.
    for (const passed of seen) links.set(passed, at + 1);
    const inode = own.get(at) || below.get(at);
    return inode === 0 ? undefined : inode - 1;
  };
}

/** Puts an entry into the tree. Returns a sentence if that is impossible. */
function put(tree: FileTree, changes: LayerChanges, entry: number, inode: number): string | undefined {
  const { paths } = changes;
  const path = changes.pathOf(entry);
  const isDirectoryEntry = tree.inodes.typeOf(inode) === 'directory';
  if (changes.targetOf(entry) !== undefined && isDirectoryEntry)
    return `contains "${textOf(changes, path)}", a hard link to a directory`;
  if (path === rootPath) {
    tree.set(rootPath, inode);
    return undefined;
  }
  const above = paths.parentOf(path);
  const parent = tree.directoryFor(above);
  if (typeof parent === 'string')
    return `contains "${textOf(changes, path)}", but "${textOf(changes, above)}" is ${parent}`;
  tree.set(parent === above ? path : paths.enter(parent, paths.nameOf(path)), inode);
  return undefined;
}

function missingTarget(changes: LayerChanges, entry: number): string {
  const target = changes.targetOf(entry) ?? rootPath;
  const path = textOf(changes, changes.pathOf(entry));
  return `contains "${path}", a hard link to "${textOf(changes, target)}", which does not exist`;
}

/** Returns a path for a message. */
function textOf({ paths }: LayerChanges, path: number): string {
  return shown(paths.textOf(path));
}
