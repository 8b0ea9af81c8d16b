import { ContentError } from '../errors.ts';
import { Column } from './columns.ts';
import { Inodes } from './inodes.ts';
import { maxFiles } from './layer-changes.ts';
import { nameParts, type PathTable, rootPath, slash } from './path-table.ts';

/** The outcome of a walk: the path of a node, or the reason why there is none. */
export type Walked = number | 'missing' | 'not a directory' | 'a loop';

/** The number of symbolic links that one path may lead through, as in Linux. */
export const maxLinks = 40;

interface WalkOptions {
  readonly follow: boolean;
  /** Makes the directories that are missing. */
  readonly make?: boolean;
  /** Counts the steps through links, for the limit of all layers. */
  readonly isLimited?: boolean;
}

/** The kinds of nodes that a walk tells apart. */
const directory = 1;
const symlink = 2;
const other = 3;

const dot = 0x2e;

/** In names of the targets of links, for the entries of all layers together. More is an attack on time. */
const maxSteps = 2 ** 23;

/**
 * The merged tree of an image: some of the paths of a table are nodes, with an inode each. Paths are followed within its root:
 * `/` in a link is the root, and `..` stops there.
 */
export class FileTree {
  readonly paths: PathTable;
  readonly inodes: Inodes = new Inodes();
  /** For each path its kind, and above it the number of its inode and one more, or 0 for a directory that no layer lists. */
  readonly #nodes = new Column();
  /**
   * The content of each directory has a number, and each node the number of the content that it belongs to. A directory becomes
   * empty by a new number.
   */
  readonly #contents = new Column();
  readonly #belongsTo = new Column();
  #contentCount = 0;
  #names = 0;
  #steps = 0;
  /** The directory that a path led to, while no link or directory on a way changes. */
  #last: { readonly path: number; readonly directory: number } | undefined;

  constructor(paths: PathTable) {
    this.paths = paths;
    this.#nodes.set(rootPath, directory);
    this.#contents.set(rootPath, ++this.#contentCount);
  }

  /** Whether the path is a node, if its directory is one. */
  has(path: number): boolean {
    return path === rootPath || this.#belongsTo.get(path) === this.#contents.get(this.paths.parentOf(path));
  }

  isDirectory(node: number): boolean {
    return (this.#nodes.get(node) & 3) === directory;
  }

  /** Returns the inode of a node; undefined for a directory that no layer lists. */
  inodeOf(node: number): number | undefined {
    const inode = this.#nodes.get(node) >>> 2;
    return inode === 0 ? undefined : inode - 1;
  }

  /**
   * Returns the node of a path. Follows symbolic links in the directories of the path, and with `follow` also at its
   * end. The result is the path without symbolic links.
   */
  walk(path: string, { follow = false }: { readonly follow?: boolean } = {}): Walked {
    return this.#walk(nameParts(path), { follow });
  }

  /**
   * As `walk`, for a path in a layer.
   * @throws TOO_LARGE when the links of the image are an attack on time
   */
  walkPath(path: number, { follow = false }: { readonly follow?: boolean } = {}): Walked {
    if (this.#isPlain(this.paths.parentOf(path))) {
      if (!this.has(path)) return 'missing';
      if (!follow || (this.#nodes.get(path) & 3) !== symlink) return path;
    }
    return this.#walk(this.#partsOf(path), { follow, isLimited: true });
  }

  /**
   * Returns the directory at a path in a layer, and makes the missing directories that lead there.
   * @throws TOO_LARGE as `walkPath`, and as `set`
   */
  directoryFor(path: number): Walked {
    if (this.#last?.path === path) return this.#last.directory;
    const found = this.#isPlain(path)
      ? path
      : this.#walk(this.#partsOf(path), { follow: true, make: true, isLimited: true });
    if (typeof found !== 'number') return found;
    if (!this.isDirectory(found)) return 'not a directory';
    this.#last = { path, directory: found };
    return found;
  }

  /**
   * Gives a path an inode. Its directory is a node. A directory keeps its content if the path was one before.
   * @throws TOO_LARGE above a million names
   */
  set(path: number, inode: number | undefined): void {
    if (path !== rootPath) this.#count();
    const type = inode === undefined ? 'directory' : this.inodes.typeOf(inode);
    const kind = type === 'directory' ? directory : type === 'symlink' ? symlink : other;
    const before = this.has(path) ? this.#nodes.get(path) & 3 : 0;
    if (before === symlink || (before === directory && kind !== directory)) this.#last = undefined;
    if (kind === directory && before !== directory) this.#contents.set(path, ++this.#contentCount);
    this.#nodes.set(path, (inode === undefined ? 0 : inode + 1) * 4 + kind);
    if (path !== rootPath) this.#belongsTo.set(path, this.#contents.get(this.paths.parentOf(path)));
  }

  remove(node: number): void {
    this.#last = undefined;
    this.#belongsTo.set(node, 0);
  }

  /** Removes the content of a directory. */
  empty(node: number): void {
    this.#last = undefined;
    this.#contents.set(node, ++this.#contentCount);
  }

  /** Yields the nodes in a directory, in no order. */
  *childrenOf(node: number): Iterable<number> {
    if (!this.isDirectory(node)) return;
    for (const path of this.paths.childrenOf(node)) if (this.has(path)) yield path;
  }

  /** Returns the nodes in a directory in the byte order of their names. */
  sortedChildrenOf(node: number): readonly number[] {
    return [...this.childrenOf(node)].sort((a, b) => this.paths.compareNames(a, b));
  }

  /** Yields all directories but the root, each before its content, names in byte order. */
  *directories(): Iterable<number> {
    yield* this.#below((node) => [...this.childrenOf(node)].filter((child) => this.isDirectory(child)));
  }

  /** Yields all nodes but the root in the same order. */
  *nodes(): Iterable<number> {
    yield* this.#below((node) => [...this.childrenOf(node)]);
  }

  /** Yields all nodes but the root in the byte order of their paths: `a`, `a.b`, `a/b`. */
  *sorted(): Iterable<number> {
    const { paths } = this;
    // A directory stands for itself, and once more, below 0, for its content.
    const items = (node: number): number[] => {
      const children = [...this.childrenOf(node)];
      const contents = children.filter((child) => this.isDirectory(child)).map((child) => -child);
      return [...children, ...contents].sort((a, b) =>
        paths.compareNames(Math.abs(b), Math.abs(a), b < 0 ? slash : -1, a < 0 ? slash : -1),
      );
    };
    const waiting = items(rootPath);
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
      if (item >= 0) yield item;
      else for (const next of items(-item)) waiting.push(next);
    }
  }

  *#below(childrenOf: (node: number) => number[]): Iterable<number> {
    const sorted = (node: number): number[] => childrenOf(node).sort((a, b) => this.paths.compareNames(b, a));
    const waiting = sorted(rootPath);
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      yield node;
      if (this.isDirectory(node)) for (const child of sorted(node)) waiting.push(child);
    }
  }

  #count(): void {
    if (++this.#names > maxFiles) throw tooManyFiles();
  }

  /** Whether a path and all directories that lead to it are directories, and none of them a link to one. */
  #isPlain(path: number): boolean {
    for (let at = path; at !== rootPath; at = this.paths.parentOf(at))
      if (!this.has(at) || !this.isDirectory(at)) return false;
    return true;
  }

  #partsOf(path: number): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let at = path; at !== rootPath; at = this.paths.parentOf(at)) parts.push(this.paths.nameOf(at));
    return parts.toReversed();
  }

  #walk(parts: readonly Uint8Array[], { follow, make = false, isLimited = false }: WalkOptions): Walked {
    let at = rootPath;
    let links = 0;
    /** The parts still to walk, the next one last. */
    const todo = parts.toReversed();
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (!this.isDirectory(at)) return 'not a directory';
      if (isUp(part)) {
        at = this.paths.parentOf(at);
        continue;
      }
      const child = this.#child(at, part, make);
      if (child === undefined) return 'missing';
      const target = todo.length === 0 && !follow ? undefined : this.#targetOf(child);
      if (target === undefined) {
        at = child;
        continue;
      }
      if (++links > maxLinks) return 'a loop';
      if (target.startsWith('/')) at = rootPath;
      const steps = nameParts(target);
      if (isLimited) this.#steps += steps.length;
      if (this.#steps > maxSteps) throw tooManySteps();
      for (const step of steps.toReversed()) todo.push(step);
    }
    return at;
  }

  #child(parent: number, name: Uint8Array, make: boolean): number | undefined {
    const found = make ? this.paths.enter(parent, name) : this.paths.find(parent, name);
    if (found === undefined || this.has(found)) return found;
    if (!make) return undefined;
    this.set(found, undefined);
    return found;
  }

  /** Returns the target of a symbolic link. */
  #targetOf(node: number): string | undefined {
    const inode = this.inodeOf(node);
    if (inode === undefined || (this.#nodes.get(node) & 3) !== symlink) return undefined;
    return this.inodes.headerOf(inode).linkname ?? '';
  }
}

function isUp(part: Uint8Array): boolean {
  return part.byteLength === 2 && part[0] === dot && part[1] === dot;
}

/** Makes the error of an image with more files than gantry keeps. */
export function tooManyFiles(): ContentError {
  return new ContentError('TOO_LARGE', `the image has more than ${maxFiles} files`, { expected: maxFiles });
}

function tooManySteps(): ContentError {
  const message = `the symbolic links of the image lead through more than ${maxSteps} names`;
  return new ContentError('TOO_LARGE', message, { expected: maxSteps });
}
