import { ContentError } from '../errors.ts';
import { compareBytes } from '../store/listing.ts';
import type { FileHeader } from './layer-changes.ts';

/** A file, directory, link or device of an image, which may have several names. */
export interface Inode {
  /** The index of the layer that it comes from, from the bottom. */
  readonly layer: number;
  /** The position among the entries of that layer's tar. */
  readonly position: number;
  /** The path in that layer. */
  readonly path: string;
  readonly header: FileHeader;
}

/** A name in the merged tree. */
export interface FileNode {
  /** Absent for a directory that no layer lists, and that another path needs. */
  readonly inode?: Inode;
  /** Absent unless it is a directory. */
  readonly children?: Map<string, FileNode>;
}

export interface DirectoryNode extends FileNode {
  readonly children: Map<string, FileNode>;
}

/** The outcome of a walk: a node, or the reason why there is none. */
export type Walked = FileNode | 'missing' | 'not a directory' | 'a loop';

/** A node with its path in the tree. */
export interface ResolvedNode {
  readonly node: FileNode;
  readonly path: string;
}

/** The number of symbolic links that one path may lead through, as in Linux. */
export const maxLinks = 40;

/** All names of an image together, an attack on memory above. Large images have half a million. */
const maxNodes = 1_000_000;

/** The merged tree of an image. Paths are followed within its root: `/` in a link is the root, and `..` stops there. */
export class FileTree {
  root: DirectoryNode = makeDirectory();
  #nodes = 0;

  /**
   * Returns the node of a path. Follows symbolic links in the directories of the path, and with `follow` also at its
   * end.
   */
  walk(path: string, { follow = false }: { readonly follow?: boolean } = {}): Walked {
    const found = this.#walk(path, { follow, make: false });
    return typeof found === 'string' ? found : found.node;
  }

  /** As `walk` with `follow`, and returns the path without symbolic links; `.` for the root. */
  resolve(path: string): ResolvedNode | Exclude<Walked, FileNode> {
    return this.#walk(path, { follow: true, make: false });
  }

  /** Returns the directory at a path, and makes the missing directories that lead there. */
  directoryFor(path: string): DirectoryNode | Exclude<Walked, FileNode> {
    const found = this.#walk(path, { follow: true, make: true });
    if (typeof found === 'string') return found;
    return isDirectory(found.node) ? found.node : 'not a directory';
  }

  /** @throws TOO_LARGE above a million names */
  set(parent: DirectoryNode, name: string, node: FileNode): void {
    if (++this.#nodes > maxNodes) {
      throw new ContentError('TOO_LARGE', `the image has more than ${maxNodes} files`, {
        expected: maxNodes,
      });
    }
    parent.children.set(name, node);
  }

  /** Yields all nodes but the root with their paths, each directory before its content, names in byte order. */
  *nodes(): Iterable<readonly [path: string, node: FileNode]> {
    const waiting = sorted(this.root, '').toReversed();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next;
      const [path, node] = next;
      if (isDirectory(node)) for (const child of sorted(node, `${path}/`).toReversed()) waiting.push(child);
    }
  }

  #walk(
    path: string,
    { follow, make }: { readonly follow: boolean; readonly make: boolean },
  ): ResolvedNode | Exclude<Walked, FileNode> {
    const above: DirectoryNode[] = [];
    /** The names that lead from the root to the node. */
    const names: string[] = [];
    let at: FileNode = this.root;
    let links = 0;
    /** The parts still to walk, the next one last. */
    const todo = partsOf(path).toReversed();
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (!isDirectory(at)) return 'not a directory';
      if (part === '..') {
        at = above.pop() ?? this.root;
        names.pop();
        continue;
      }
      let child = at.children.get(part);
      if (child === undefined && !make) return 'missing';
      if (child === undefined) {
        child = makeDirectory();
        this.set(at, part, child);
      }
      const link = todo.length === 0 && !follow ? undefined : linkOf(child);
      if (link === undefined) {
        above.push(at);
        names.push(part);
        at = child;
        continue;
      }
      if (++links > maxLinks) return 'a loop';
      if (link.startsWith('/')) {
        above.length = 0;
        names.length = 0;
        at = this.root;
      }
      for (const step of partsOf(link).toReversed()) todo.push(step);
    }
    return { node: at, path: names.join('/') || '.' };
  }
}

/** Makes a directory, or gives a directory new attributes. */
export function makeDirectory(inode?: Inode, children: Map<string, FileNode> = new Map()): DirectoryNode {
  return inode === undefined ? { children } : { inode, children };
}

export function isDirectory(node: FileNode): node is DirectoryNode {
  return node.children !== undefined;
}

function linkOf({ inode }: FileNode): string | undefined {
  return inode?.header.type === 'symlink' ? (inode.header.linkname ?? '') : undefined;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function sorted({ children }: DirectoryNode, prefix: string): (readonly [string, FileNode])[] {
  const names = [...children].sort(([a], [b]) => compareBytes(a, b));
  return names.map(([name, node]) => [`${prefix}${name}`, node] as const);
}
