import type { TarMetadata } from '../tar/metadata.ts';
import { Bits } from './bits.ts';
import { Column } from './columns.ts';
import type { FileEntry } from './file-entry.ts';
import type { FileTree } from './file-tree.ts';
import type { StoredHeader } from './header-store.ts';
import { rootPath } from './path-table.ts';

/** The metadata of a directory that no layer lists. */
export const unlisted: TarMetadata = {
  mode: 0o755,
  mtime: 0,
  nanoseconds: 0,
  uid: 0,
  gid: 0,
  uname: '',
  gname: '',
};

/** A file with the paths of its names. */
export interface ListedFile {
  readonly inode: number;
  readonly first: number;
  readonly others: readonly number[];
}

/** The names of a tree in the order of a tar that can be unpacked. */
export interface FileListing {
  /** Yields the entries without content, each directory before its content. */
  first(): Iterable<FileEntry>;
  /** Yields the files in the order of the layers. */
  files(): Iterable<ListedFile>;
}

/** Lists all names but the root. */
export function listing(tree: FileTree): FileListing {
  return {
    *first() {
      for (const node of tree.directories()) yield entryOf(tree, node);
    },
    files: () => namesOfFiles(tree).files(),
  };
}

/** The names of files, collected by file. */
export interface FileNames {
  /** Adds a name of a file. The names come in the order of a listing. */
  add(path: number, inode: number): void;
  /** Yields the files in the order of the layers, first the name that the layer lists the file under, if it is there. */
  files(): Iterable<ListedFile>;
  /** Returns the name that would come first. */
  firstOf(file: number): number | undefined;
}

const none: readonly number[] = [];

export function createFileNames({ inodes }: FileTree): FileNames {
  const own = new Bits();
  /** For each file the last of its other names, and for each of these the one before. None of them is the root. */
  const lasts = new Column();
  const before = new Column();
  /** The first of them. */
  const firsts = new Column();
  const othersOf = (inode: number): readonly number[] => {
    if (lasts.get(inode) === 0) return none;
    const others: number[] = [];
    for (let path = lasts.get(inode); path !== 0; path = before.get(path)) others.push(path);
    return others.toReversed();
  };
  return {
    add(path, inode) {
      if (inodes.pathOf(inode) === path) {
        own.add(inode);
        return;
      }
      if (lasts.get(inode) === 0) firsts.set(inode, path);
      before.set(path, lasts.get(inode));
      lasts.set(inode, path);
    },
    firstOf(inode) {
      if (own.has(inode)) return inodes.pathOf(inode);
      return lasts.get(inode) === 0 ? undefined : firsts.get(inode);
    },
    *files() {
      for (let inode = 0; inode < inodes.size; inode++) {
        const others = othersOf(inode);
        if (own.has(inode)) yield { inode, first: inodes.pathOf(inode), others };
        else if (others[0] !== undefined) yield { inode, first: others[0], others: others.slice(1) };
      }
    },
  };
}

function namesOfFiles(tree: FileTree): FileNames {
  const names = createFileNames(tree);
  let hasOthers = false;
  // A parent has a smaller number than its children.
  const directories = new Bits();
  directories.add(rootPath);
  for (let path = 1; path < tree.paths.size; path++) {
    if (!directories.has(tree.paths.parentOf(path)) || !tree.has(path)) continue;
    const inode = tree.inodeOf(path);
    if (tree.isDirectory(path)) directories.add(path);
    else if (inode !== undefined && tree.inodes.pathOf(inode) === path) names.add(path, inode);
    else hasOthers = true;
  }
  if (!hasOthers) return names;
  // Only these need the order of the names, which takes a sort.
  for (const node of tree.nodes()) {
    const inode = tree.inodeOf(node);
    if (inode !== undefined && !tree.isDirectory(node) && tree.inodes.pathOf(inode) !== node)
      names.add(node, inode);
  }
  return names;
}

/** Yields the entries of all names in the byte order of their paths. */
export function* sortedEntries(tree: FileTree): Iterable<FileEntry> {
  const names = namesOfFiles(tree);
  for (const node of tree.sorted()) {
    const inode = tree.inodeOf(node);
    const first = inode === undefined || tree.isDirectory(node) ? undefined : names.firstOf(inode);
    const entry = entryOf(tree, node);
    yield first === undefined || first === node ? entry : linkTo(entry, tree.paths.textOf(first), entry.path);
  }
}

/** Returns the entries of all names of a file. */
export function entriesOfFile(
  tree: FileTree,
  { inode, first, others }: ListedFile,
  header: StoredHeader = tree.inodes.headerOf(inode),
): readonly FileEntry[] {
  const file = entryOfHeader(header, tree.paths.textOf(first), tree.inodes.layerOf(inode));
  if (others.length === 0) return [file];
  return [file, ...others.map((path) => linkTo(file, file.path, tree.paths.textOf(path)))];
}

/** Makes the entry of another name of a file. */
export function linkTo(file: FileEntry, linkname: string, path: string): FileEntry {
  return { ...file, path, type: 'link', size: 0, linkname };
}

/** Describes a node, under another path than its own if one is given. */
export function entryOf(tree: FileTree, node: number, path: string = tree.paths.textOf(node)): FileEntry {
  const inode = tree.inodeOf(node);
  return inode === undefined
    ? { path, type: 'directory', size: 0, ...unlisted }
    : entryOfInode(tree, inode, path);
}

/** Describes a file under a path. */
export function entryOfInode({ inodes }: FileTree, inode: number, path: string): FileEntry {
  return entryOfHeader(inodes.headerOf(inode), path, inodes.layerOf(inode));
}

function entryOfHeader(header: StoredHeader, path: string, layer: number): FileEntry {
  const link = header.type === 'symlink' ? { linkname: header.linkname ?? '' } : {};
  return { path, ...fieldsOf(header), ...link, layer };
}

/** Returns the part of a header that an entry has, too. */
export function fieldsOf(header: StoredHeader): Omit<FileEntry, 'path' | 'linkname' | 'layer'> {
  const { type, size, mode, mtime, nanoseconds, uid, gid, xattrs, windows, device, uname, gname } = header;
  return { type, size, mode, mtime, nanoseconds, uid, gid, xattrs, windows, device, uname, gname };
}
