import { ContentError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { TarType } from '../tar/entry.ts';
import type { Device } from '../tar/header.ts';
import type { TarMetadata } from '../tar/metadata.ts';
import {
  type DirectoryNode,
  type FileNode,
  FileTree,
  type Inode,
  isDirectory,
  makeDirectory,
} from './file-tree.ts';
import { type LayerChanges, type LayerEntry, shown } from './layer-changes.ts';
import { readWholeTar } from './whole-tar.ts';

/**
 * One name of the merged file system of an image. A byte of a name that is no UTF-8 is a lone surrogate from U+DC80 to
 * U+DCFF in it, as in Python.
 */
export interface FileEntry extends TarMetadata {
  /** The path without a slash at either end. */
  readonly path: string;
  /** `link` for every name of a file but its first. */
  readonly type: TarType;
  /** Bytes of the content; 0 for every type but `file`. */
  readonly size: number;
  /** For `symlink` the target as written, for `link` the path of the first name. */
  readonly linkname?: string;
  /** The numbers of a `character-device` or `block-device`. */
  readonly device?: Device | undefined;
  /** The index of the layer that the file comes from, from the bottom. Absent for a directory that no layer lists. */
  readonly layer?: number;
}

/** An entry with its content, which must be read before the next entry, or not at all. */
export interface FileWithContent extends FileEntry {
  /** The bytes of the file; none for every type but `file`. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Settings of a reading of the files. */
export interface ReadFilesOptions extends SignalOptions {
  /** Selects the entries to yield. Layers without one are not opened. */
  readonly wants?: ((entry: FileEntry) => boolean) | undefined;
}

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

/** The metadata of a directory that no layer lists. */
const unlisted: TarMetadata = {
  mode: 0o755,
  mtime: 0,
  nanoseconds: 0,
  uid: 0,
  gid: 0,
  uname: '',
  gname: '',
};

/**
 * Makes an empty file system, to which the layers are applied from the bottom.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets
 */
export function createFileSystem(): FileSystem {
  const tree = new FileTree();
  let layers = 0;
  return {
    apply: (changes) => applyLayer(tree, layers++, changes),
    *entries() {
      const { directories, files } = listing(tree);
      yield* directories;
      for (const [, entries] of files) yield* entries;
    },
    find(path) {
      const found = nodeAt(tree, path);
      return found === undefined ? undefined : entryOf(path, found);
    },
    locate(path) {
      const found = nodeAt(tree, path);
      if (found === undefined) return undefined;
      const { inode } = found;
      if (inode === undefined || isDirectory(found)) return { type: 'directory', layer: 0, position: 0 };
      return { type: inode.header.type, layer: inode.layer, position: inode.position };
    },
    files: (open, options) => readFiles(tree, open, options),
  };
}

function nodeAt(tree: FileTree, path: string): FileNode | undefined {
  const found = tree.walk(path, { follow: true });
  if (found === 'a loop') {
    throw new ContentError('MANIFEST_INVALID', `the symbolic links of "${shown(path)}" form a loop`);
  }
  return typeof found === 'string' ? undefined : found;
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
  for (const [at, entry] of changes.entries.entries()) {
    const { target } = entry;
    const inode = target === undefined ? inodes[at] : linked(target, own, links, below);
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

/** Returns the file that a hard link names, through other links of the layer. */
function linked(
  target: string,
  own: ReadonlyMap<string, Inode>,
  links: ReadonlyMap<string, string>,
  below: ReadonlyMap<string, FileNode>,
): Inode | undefined {
  const seen = new Set<string>();
  let at = target;
  while (!own.has(at) && links.has(at) && !seen.has(at)) {
    seen.add(at);
    at = links.get(at) ?? at;
  }
  return own.get(at) ?? below.get(at)?.inode;
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

interface Listing {
  readonly directories: readonly FileEntry[];
  /** Each file with the entries of all its names, in the order of the layers. */
  readonly files: readonly (readonly [Inode, readonly FileEntry[]])[];
}

function listing(tree: FileTree): Listing {
  const directories: FileEntry[] = [];
  const names = new Map<Inode, string[]>();
  for (const [path, node] of tree.nodes()) {
    const { inode } = node;
    if (isDirectory(node)) directories.push(entryOf(path, node));
    else if (inode !== undefined) names.set(inode, [...(names.get(inode) ?? []), path]);
  }
  const ordered = [...names].sort(([a], [b]) => a.layer - b.layer || a.position - b.position);
  return { directories, files: ordered.map(([inode, paths]) => [inode, entriesOf(inode, paths)]) };
}

/** The first name is the one that the layer lists the file under, if it is left. */
function entriesOf(inode: Inode, paths: readonly string[]): readonly FileEntry[] {
  const first = paths.includes(inode.path) ? inode.path : (paths[0] ?? inode.path);
  const file = entryOf(first, { inode });
  const others = paths.filter((path) => path !== first);
  return [
    file,
    ...others.map((path) => ({ ...file, path, type: 'link' as const, size: 0, linkname: first })),
  ];
}

function entryOf(path: string, { inode }: FileNode | DirectoryNode): FileEntry {
  if (inode === undefined) return { path, type: 'directory', size: 0, ...unlisted };
  const { linkname, ...header } = inode.header;
  const link = linkname === undefined || header.type !== 'symlink' ? {} : { linkname };
  return { path, ...header, ...link, layer: inode.layer };
}

async function* readFiles(
  tree: FileTree,
  open: (layer: number) => AsyncIterable<Uint8Array>,
  { wants = () => true, signal }: ReadFilesOptions = {},
): AsyncIterable<FileWithContent> {
  const { directories, files } = listing(tree);
  for (const entry of directories.filter(wants)) yield { ...entry, body: nothing() };
  const wanted = files
    .map(([inode, entries]) => [inode, entries.filter(wants)] as const)
    .filter(([, entries]) => entries.length > 0);
  const layers = new Map<number, Map<number, readonly FileEntry[]>>();
  for (const [{ layer, position }, entries] of wanted) {
    const positions = layers.get(layer) ?? new Map<number, readonly FileEntry[]>();
    layers.set(layer, positions.set(position, entries));
  }
  for (const [layer, positions] of layers) {
    let position = 0;
    for await (const { body } of readWholeTar(open(layer), { what: `layer ${layer}`, signal })) {
      const [first, ...others] = positions.get(position++) ?? [];
      if (first !== undefined) yield { ...first, body: first.type === 'file' ? body : nothing() };
      for (const other of others) yield { ...other, body: nothing() };
    }
  }
}

function nothing(): AsyncIterable<Uint8Array> {
  return bytesContent(new Uint8Array(0)).open();
}
