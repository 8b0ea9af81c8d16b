import { ContentError } from '../errors.ts';
import { decodeText, encodeText } from '../tar/text.ts';
import { Bytes } from './bytes.ts';
import { Column } from './columns.ts';

/** The number of the root in every table. */
export const rootPath = 0;

/** All paths of the layers of an image. Those of large images are half a million; this many are an attack on memory. */
const maxPaths = 2 ** 22;

export const slash = 0x2f;
const dot = 0x2e;

/**
 * Paths as numbers. A path is a name in the directory of another path, so a long path takes no more memory than its last name,
 * and a parent has a smaller number than its children. Names are the bytes of the tar.
 */
export class PathTable {
  readonly #parents = new Column();
  /** The position of the name: its length in two bytes, and its bytes. */
  readonly #names = new Column();
  /** The last child that was entered, and for each child the one before. */
  readonly #children = new Column();
  readonly #siblings = new Column();
  readonly #bytes = new Bytes();
  /** An open hash table of the numbers of all paths but the root. 0 is a free slot. */
  #slots = new Uint32Array(64);
  /** Random, so that the maker of an image cannot choose names that share slots. */
  readonly #seed: number = Math.floor(Math.random() * 2 ** 32);
  #size = 1;
  /** The directory of the last text. */
  #last = { text: '', path: rootPath };

  /** The number of paths, the root included. All numbers are below it. */
  get size(): number {
    return this.#size;
  }

  parentOf(path: number): number {
    return this.#parents.get(path);
  }

  /** Returns the bytes of the last name of a path; none for the root. */
  nameOf(path: number): Uint8Array {
    if (path === rootPath) return new Uint8Array(0);
    const position = this.#names.get(path);
    const block = this.#bytes.blockOf(position);
    const at = this.#bytes.indexOf(position);
    return block.subarray(at + 2, at + 2 + lengthAt(block, at));
  }

  /** Yields the children that were entered, in no order. */
  *childrenOf(path: number): Iterable<number> {
    for (let child = this.#children.get(path); child !== 0; child = this.#siblings.get(child)) yield child;
  }

  /** Returns a path without a slash at either end; `.` for the root. */
  textOf(path: number): string {
    if (path === rootPath) return '.';
    const names: Uint8Array[] = [];
    let length = -1;
    for (let at = path; at !== rootPath; at = this.parentOf(at)) {
      const name = this.nameOf(at);
      names.push(name);
      length += 1 + name.byteLength;
    }
    const bytes = new Uint8Array(length);
    let end = length;
    for (const name of names) {
      bytes.set(name, end - name.byteLength);
      end -= name.byteLength + 1;
      if (end > 0) bytes[end] = slash;
    }
    return decodeText(bytes);
  }

  /** Returns the number of a name in a directory; undefined if it was not entered. */
  find(parent: number, name: Uint8Array): number | undefined {
    const path = this.#slots[this.#slotOf(parent, name)] ?? 0;
    return path === 0 ? undefined : path;
  }

  /**
   * Returns the number of a name in a directory, a new one if it has none.
   * @throws TOO_LARGE above four million paths
   */
  enter(parent: number, name: Uint8Array): number {
    const slot = this.#slotOf(parent, name);
    const known = this.#slots[slot] ?? 0;
    if (known !== 0) return known;
    const path = this.#size++;
    if (path >= maxPaths) throw tooManyPaths();
    const stored = new Uint8Array(2 + name.byteLength);
    stored[0] = name.byteLength >>> 8;
    stored[1] = name.byteLength & 0xff;
    stored.set(name, 2);
    this.#names.set(path, this.#bytes.add(stored));
    this.#parents.set(path, parent);
    this.#siblings.set(path, this.#children.get(parent));
    this.#children.set(parent, path);
    this.#slots[slot] = path;
    if (path * 3 > this.#slots.length * 2) this.#grow();
    return path;
  }

  /** Enters a normalized path. */
  enterText(path: string): number {
    const end = path.lastIndexOf('/');
    const above = path.slice(0, Math.max(0, end));
    // Most entries of a tar are in the directory of the entry before.
    if (this.#last.text !== above) this.#last = { text: above, path: this.#enterAll(above, rootPath) };
    return this.#enterAll(path.slice(end + 1), this.#last.path);
  }

  #enterAll(path: string, parent: number): number {
    let at = parent;
    for (const name of nameParts(path)) at = this.enter(at, name);
    return at;
  }

  /** Returns the number of a normalized path; undefined if it was not entered. */
  findText(path: string): number | undefined {
    let at = rootPath;
    for (const name of nameParts(path)) {
      const next = this.find(at, name);
      if (next === undefined) return undefined;
      at = next;
    }
    return at;
  }

  /** Compares the last names of two paths by their bytes. `end` and `otherEnd` are one more byte after each name, if there is one. */
  compareNames(one: number, other: number, end = -1, otherEnd = -1): number {
    const [a, b] = [this.#names.get(one), this.#names.get(other)];
    const [block, against] = [this.#bytes.blockOf(a), this.#bytes.blockOf(b)];
    const [at, to] = [this.#bytes.indexOf(a), this.#bytes.indexOf(b)];
    const [length, otherLength] = [lengthAt(block, at), lengthAt(against, to)];
    const shared = Math.min(length, otherLength);
    // Two bytes of length come first.
    for (let index = 2; index < shared + 2; index++) {
      const difference = (block[at + index] ?? 0) - (against[to + index] ?? 0);
      if (difference !== 0) return difference;
    }
    const next = length > shared ? (block[at + 2 + shared] ?? 0) : end;
    const otherNext = otherLength > shared ? (against[to + 2 + shared] ?? 0) : otherEnd;
    return next - otherNext || length - otherLength;
  }

  /** Returns the slot of a name in a directory, or the free one for it. */
  #slotOf(parent: number, name: Uint8Array): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(parent, name) & mask; ; slot = (slot + 1) & mask) {
      const path = this.#slots[slot] ?? 0;
      if (path === 0 || (this.#parents.get(path) === parent && this.#isNamed(path, name))) return slot;
    }
  }

  #isNamed(path: number, name: Uint8Array): boolean {
    const position = this.#names.get(path);
    const block = this.#bytes.blockOf(position);
    const at = this.#bytes.indexOf(position);
    if (lengthAt(block, at) !== name.byteLength) return false;
    for (let index = 0; index < name.byteLength; index++)
      if (block[at + 2 + index] !== name[index]) return false;
    return true;
  }

  /** FNV-1a, with a last step that spreads it over the lower bits. */
  #hash(parent: number, name: Uint8Array): number {
    let hash = Math.imul(this.#seed ^ parent, 0x01000193);
    for (let at = 0; at < name.byteLength; at++) hash = Math.imul(hash ^ (name[at] ?? 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let path = 1; path < this.#size; path++) {
      this.#slots[this.#slotOf(this.parentOf(path), this.nameOf(path))] = path;
    }
  }
}

/** Returns the names of a path. Those that are empty or a dot lead nowhere, and are left out. */
export function nameParts(path: string): readonly Uint8Array[] {
  const bytes = encodeText(path);
  const names: Uint8Array[] = [];
  for (let begin = 0; begin < bytes.byteLength; ) {
    const next = bytes.indexOf(slash, begin);
    const end = next === -1 ? bytes.byteLength : next;
    if (end > begin && !(end === begin + 1 && bytes[begin] === dot)) names.push(bytes.subarray(begin, end));
    begin = end + 1;
  }
  return names;
}

/** Returns the length of the name at an index. */
function lengthAt(block: Uint8Array, at: number): number {
  return (block[at] ?? 0) * 256 + (block[at + 1] ?? 0);
}

function tooManyPaths(): ContentError {
  return new ContentError('TOO_LARGE', `the layers of the image name more than ${maxPaths} paths`, {
    expected: maxPaths,
  });
}
