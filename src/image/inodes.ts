import type { TarType } from '../tar/entry.ts';
import type { StoredHeader } from './header-store.ts';
import type { LayerChanges } from './layer-changes.ts';

/**
 * The files, directories, links and devices of an image by number, each with any number of names. Numbers ascend with the
 * layers, and in a layer with the entries of its tar.
 */
export class Inodes {
  readonly #layers: LayerChanges[] = [];
  /** The number of the first inode of each layer. */
  readonly #firsts: number[] = [];
  #size = 0;

  /** All numbers are below it. */
  get size(): number {
    return this.#size;
  }

  /** Adds the entries of the next layer, and returns the number of the first. */
  add(changes: LayerChanges): number {
    const first = this.#size;
    this.#layers.push(changes);
    this.#firsts.push(first);
    this.#size += changes.count;
    return first;
  }

  /** Returns the index of the layer that an inode comes from, from the bottom. */
  layerOf(inode: number): number {
    let [low, high] = [0, this.#firsts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      // A layer without entries begins where the next one does.
      if ((this.#firsts[middle] ?? 0) <= inode) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  headerOf(inode: number): StoredHeader {
    const [changes, entry] = this.#entryOf(inode);
    return changes.headerOf(entry);
  }

  typeOf(inode: number): TarType {
    const [changes, entry] = this.#entryOf(inode);
    return changes.typeOf(entry);
  }

  /** Returns the path under which the layer lists the inode. */
  pathOf(inode: number): number {
    const [changes, entry] = this.#entryOf(inode);
    return changes.pathOf(entry);
  }

  #entryOf(inode: number): readonly [changes: LayerChanges, entry: number] {
    const layer = this.layerOf(inode);
    const changes = this.#layers[layer];
    if (changes === undefined) throw new RangeError(`there is no inode ${inode}`);
    return [changes, inode - (this.#firsts[layer] ?? 0)];
  }
}
