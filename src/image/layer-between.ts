import { Column } from './columns.ts';
import type { FileEntry } from './file-entry.ts';
import {
  createFileNames,
  entryOf,
  entryOfInode,
  type FileListing,
  type ListedFile,
  linkTo,
  unlisted,
} from './file-listing.ts';
import type { FileTree } from './file-tree.ts';
import { rootPath } from './path-table.ts';

/**
 * Lists the entries of one layer that makes the later tree of the earlier one: directories and whiteouts, then files, which come
 * from the layers that the trees have them from. Both trees have one table of paths, and the same lowest layers.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#representing-changes
 */
export function layerBetween(earlier: FileTree, later: FileTree): FileListing {
  const names = createFileNames(later);
  /** A name of each file that is the same in both trees, and one more. */
  const kept = new Column();
  for (const { node, before } of pairs(earlier, later)) {
    const inode = later.inodeOf(node);
    if (later.isDirectory(node) || inode === undefined) continue;
    const isKept = before && !earlier.isDirectory(node) && earlier.inodeOf(node) === inode;
    if (!isKept) names.add(node, inode);
    else if (kept.get(inode) === 0) kept.set(inode, node + 1);
  }
  return {
    *first() {
      yield* directoriesBetween(earlier, later);
      for (const file of names.files()) yield* linksTo(later, file, kept.get(file.inode));
    },
    *files() {
      for (const file of names.files()) if (kept.get(file.inode) === 0) yield file;
    },
  };
}

/** A node of the later tree. */
interface Pair {
  readonly node: number;
  /** Whether the earlier tree has a node of the same path. */
  readonly before: boolean;
}

/** Yields the nodes of the later tree, each directory before its content, names in byte order. */
function* pairs(earlier: FileTree, later: FileTree): Iterable<Pair> {
  const waiting: Pair[] = [{ node: rootPath, before: true }];
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    yield pair;
    const { node, before } = pair;
    const wasDirectory = before && earlier.isDirectory(node);
    for (const child of later.sortedChildrenOf(node).toReversed())
      waiting.push({ node: child, before: wasDirectory && earlier.has(child) });
  }
}

/** Yields the new and the changed directories, each with the whiteouts of the names that it lost. */
function* directoriesBetween(earlier: FileTree, later: FileTree): Iterable<FileEntry> {
  for (const { node, before } of pairs(earlier, later)) {
    if (!later.isDirectory(node)) continue;
    const wasDirectory = before && earlier.isDirectory(node);
    if (!wasDirectory || earlier.inodeOf(node) !== later.inodeOf(node)) yield entryOf(later, node);
    if (!wasDirectory) continue;
    for (const child of earlier.sortedChildrenOf(node))
      if (!later.has(child)) yield whiteout(later.paths.textOf(child));
  }
}

/** Yields the new names of a file that has a name below. `kept` is that name and one more. */
function* linksTo(tree: FileTree, { inode, first, others }: ListedFile, kept: number): Iterable<FileEntry> {
  if (kept === 0) return;
  const target = tree.paths.textOf(kept - 1);
  for (const path of [first, ...others]) {
    const name = tree.paths.textOf(path);
    yield linkTo(entryOfInode(tree, inode, name), target, name);
  }
}

function whiteout(path: string): FileEntry {
  const slash = path.lastIndexOf('/') + 1;
  const name = `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
  return { path: name, type: 'file', size: 0, ...unlisted, mode: 0o644 };
}
