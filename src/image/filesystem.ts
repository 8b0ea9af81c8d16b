import { ContentError } from '../errors.ts';
import type { TarType } from '../tar/entry.ts';
import type { FileEntry, FileWithContent, ReadFilesOptions } from './file-entry.ts';
import { entryOf, listing, readListing } from './file-listing.ts';
import { type FileNode, FileTree, type Inode, isDirectory, makeDirectory } from './file-tree.ts';
import { type LayerChanges, type LayerEntry, shown } from './layer-changes.ts';

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
  /**
   * Yields the entries with their content. `open` opens the uncompressed tar of a layer; each is opened at most once,
   * and read to its end.
   */
  files(
    open: (layer: number) => AsyncIterable<Uint8Array>,
    options?: ReadFilesOptions,
  ): AsyncIterable<FileWithContent>;
}

/**
 * Makes an empty file system, to which the layers are applied from the bottom.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets
 */
export function createFileSystem(): FileSystem {
  const tree = new FileTree();
  let layers = 0;
  return {
    tree,
    apply: (changes) => applyLayer(tree, layers++, changes),
    *entries() {
      const { first, files } = listing(tree);
      yield* first;
      for (const [, entries] of files) yield* entries;
    },
    find(path) {
      const found = nodeAt(tree, path);
      return found === undefined ? undefined : entryOf(path, found);
    },
    resolvePath: (path) => resolvePath(tree, path),
    locate(path) {
      const found = nodeAt(tree, path);
      if (found === undefined) return undefined;
      const { inode } = found;
      if (inode === undefined || isDirectory(found)) return { type: 'directory', layer: 0, position: 0 };
      return { type: inode.header.type, layer: inode.layer, position: inode.position };
    },
    files: (open, options) => readListing(listing(tree), open, options),
  };
}

function nodeAt(tree: FileTree, path: string): FileNode | undefined {
  const found = tree.walk(path, { follow: true });
  if (found === 'a loop') throw loopOf(path);
  return typeof found === 'string' ? undefined : found;
}

/** A missing directory is made when the file is. */
function resolvePath(tree: FileTree, path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const missing: string[] = [];
  for (;;) {
    const found = tree.resolve(parts.join('/'));
    if (found === 'a loop') throw loopOf(path);
    if (found === 'not a directory') return undefined;
    if (found !== 'missing') {
      if (missing.length > 0 && !isDirectory(found.node)) return undefined;
      const whole = [found.path, ...missing].filter((part) => part !== '.').join('/');
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
function applyLayer(tree: FileTree, layer: number, changes: LayerChanges): readonly string[] {
  const faults = [...changes.faults];
  const inodes = changes.entries.map(({ path, position, header }) => ({ layer, position, path, header }));
  const own = new Map<string, Inode>();
  const links = new Map<string, string>();
  for (const [at, { path, target }] of changes.entries.entries()) {
    const inode = inodes[at];
    if (target !== undefined) links.set(path, target);
    else if (inode !== undefined) own.set(path, inode);
  }
  const below = new Map<string, FileNode>();
  for (const target of links.values()) {
    const found = own.has(target) || links.has(target) ? 'missing' : tree.walk(target);
    if (typeof found !== 'string') below.set(target, found);
  }
  removeBelow(tree, changes);
  const linked = linkedFiles(own, links, below);
  for (const [at, entry] of changes.entries.entries()) {
    const { target } = entry;
    const inode = target === undefined ? inodes[at] : linked(target);
    const fault = inode === undefined ? missingTarget(entry) : put(tree, entry, inode);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

function removeBelow(tree: FileTree, { emptied, removed }: LayerChanges): void {
  for (const path of emptied) {
    const found = tree.walk(path, { follow: true });
    if (typeof found !== 'string') found.children?.clear();
  }
  for (const path of removed) {
    const [parent, name] = split(path);
    const found = tree.walk(parent, { follow: true });
    if (typeof found !== 'string') found.children?.delete(name);
  }
}

/** Finds the file that a hard link names, through other links of the layer. Follows each of them once. */
function linkedFiles(
  own: ReadonlyMap<string, Inode>,
  links: ReadonlyMap<string, string>,
  below: ReadonlyMap<string, FileNode>,
): (target: string) => Inode | undefined {
  const known = new Map<string, Inode | undefined>();
  return (target) => {
    const seen = new Set<string>();
    let at = target;
    while (!own.has(at) && !known.has(at) && links.has(at) && !seen.has(at)) {
      seen.add(at);
      at = links.get(at) ?? at;
    }
    const found = own.get(at) ?? known.get(at) ?? below.get(at)?.inode;
    for (const name of seen) known.set(name, found);
    return found;
  };
}

/** Puts an entry into the tree. Returns a sentence if that is impossible. */
function put(tree: FileTree, { path, target }: LayerEntry, inode: Inode): string | undefined {
  const isDirectoryEntry = inode.header.type === 'directory';
  if (path === '.') {
    tree.root = makeDirectory(inode, tree.root.children);
    return undefined;
  }
  if (target !== undefined && isDirectoryEntry)
    return `contains "${shown(path)}", a hard link to a directory`;
  const [parentPath, name] = split(path);
  const parent = tree.directoryFor(parentPath);
  if (typeof parent === 'string') {
    return `contains "${shown(path)}", but "${shown(parentPath)}" is ${parent}`;
  }
  const before = parent.children.get(name);
  const children = before && isDirectory(before) ? before.children : undefined;
  tree.set(parent, name, isDirectoryEntry ? makeDirectory(inode, children) : { inode });
  return undefined;
}

function missingTarget({ path, target = '' }: LayerEntry): string {
  return `contains "${shown(path)}", a hard link to "${shown(target)}", which does not exist`;
}

function split(path: string): readonly [parent: string, name: string] {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? ['.', path] : [path.slice(0, slash), path.slice(slash + 1)];
}
