import { compareBytes } from '../store/listing.ts';
import type { FileEntry } from './file-entry.ts';
import { entryOf, type FileListing, namesOfFile, unlisted } from './file-listing.ts';
import { type FileNode, type FileTree, type Inode, isDirectory } from './file-tree.ts';

/** A path with its nodes in both trees. */
interface Pair {
  readonly path: string;
  /** Absent for a path that only the later tree has. */
  readonly before: FileNode | undefined;
  readonly after: FileNode;
}

/** The names of a file that are new or changed. */
interface Names {
  readonly inode: Inode;
  readonly paths: string[];
}

/**
 * Lists the entries of one layer that makes the later tree of the earlier one: directories and whiteouts, then files, which come
 * from the layers that the trees have them from. Both trees have the same lowest layers.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#representing-changes
 */
export function layerBetween(earlier: FileTree, later: FileTree): FileListing {
  const first: FileEntry[] = [];
  const changed = new Map<string, Names>();
  /** A name of each file that is the same in both trees. */
  const kept = new Map<string, string>();
  const waiting: Pair[] = [{ path: '.', before: earlier.root, after: later.root }];
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const { path, before, after } = pair;
    if (isDirectory(after)) {
      const old = before !== undefined && isDirectory(before) ? before : undefined;
      if (old === undefined || !isSameInode(old.inode, after.inode)) first.push(entryOf(path, after));
      const gone = [...(old?.children.keys() ?? [])].filter((name) => !after.children.has(name));
      for (const name of gone.sort(compareBytes)) first.push(whiteout(below(path, name)));
      const names = [...after.children].sort(([a], [b]) => compareBytes(b, a));
      for (const [name, node] of names)
        waiting.push({ path: below(path, name), before: old?.children.get(name), after: node });
    } else if (after.inode !== undefined) {
      const { inode } = after;
      const key = `${inode.layer}:${inode.position}`;
      const isKept = before !== undefined && !isDirectory(before) && isSameInode(before.inode, inode);
      const names = changed.get(key);
      if (isKept) kept.set(key, kept.get(key) ?? path);
      else if (names === undefined) changed.set(key, { inode, paths: [path] });
      else names.paths.push(path);
    }
  }
  const links = [...changed].flatMap(([key, names]) => linksTo(kept.get(key), names));
  const files = [...changed].filter(([key]) => !kept.has(key)).map(([, names]) => names);
  files.sort(({ inode: a }, { inode: b }) => a.layer - b.layer || a.position - b.position);
  return {
    first: [...first, ...links],
    files: files.map(({ inode, paths }) => [inode, namesOfFile(inode, paths)]),
  };
}

/** New names of a file that has a name below. */
function linksTo(target: string | undefined, { inode, paths }: Names): readonly FileEntry[] {
  if (target === undefined) return [];
  return paths.map((path) => ({ ...entryOf(path, { inode }), type: 'link', size: 0, linkname: target }));
}

function whiteout(path: string): FileEntry {
  const slash = path.lastIndexOf('/') + 1;
  const name = `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
  return { path: name, type: 'file', size: 0, ...unlisted, mode: 0o644 };
}

function below(path: string, name: string): string {
  return path === '.' ? name : `${path}/${name}`;
}

function isSameInode(one: Inode | undefined, other: Inode | undefined): boolean {
  return one?.layer === other?.layer && one?.position === other?.position;
}
