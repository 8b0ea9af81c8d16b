import { decodeText } from '../tar/text.ts';
import { Bits } from './bits.ts';
import { Column } from './columns.ts';
import type { LayerChanges } from './layer-changes.ts';
import { rootPath } from './path-table.ts';

/** The changes of one layer, for questions about single paths. */
export interface LayerNames {
  /** Returns the number of the last entry of a path. */
  entryOf(path: string): number | undefined;
  readonly changes: LayerChanges;
  /** Whether the layer does not list the path, and has entries below it. */
  isImplied(path: string): boolean;
  /** Whether the layer has a whiteout of the path. */
  isRemoved(path: string): boolean;
  /** Whether the layer has an opaque whiteout of the path. */
  isEmptied(path: string): boolean;
  /**
   * Whether the path may also be changed under another name: the layer has an entry of that last part in a directory that it
   * does not list before, which a layer below may have as a symbolic link; or it removes or empties such a path; or it lists
   * any path twice.
   */
  mayChange(path: string): boolean;
  /** Whether the layer lists all directories of the path before it. */
  isSolid(path: string): boolean;
  /** Whether the layer has an entry in a directory that it does not list before. */
  readonly isLoose: boolean;
}

/** Arranges the changes of a layer by path. */
export function namesOf(changes: LayerChanges): LayerNames {
  const { paths, removed, emptied, twice } = changes;
  /** The last entry of each path, and one more. */
  const last = new Column();
  const [listed, solid, implied] = [new Bits(), new Bits(), new Bits()];
  const [removedPaths, emptiedPaths] = [bitsOf(removed), bitsOf(emptied)];
  const others = createOthers(changes);
  let isLoose = false;
  listed.add(rootPath);
  for (let entry = 0; entry < changes.count; entry++) {
    const path = changes.pathOf(entry);
    const parent = paths.parentOf(path);
    last.set(path, entry + 1);
    if (!listed.has(parent)) {
      others.note(path);
      isLoose = true;
      for (let at = parent; !listed.has(at) && !implied.has(at); at = paths.parentOf(at)) implied.add(at);
      continue;
    }
    solid.add(path);
    if (changes.typeOf(entry) === 'directory') listed.add(path);
  }
  for (const path of [...removed, ...emptied]) others.note(path);
  const isIn = (bits: Bits) => (path: string) => {
    const found = paths.findText(path);
    return found !== undefined && bits.has(found);
  };
  return {
    changes,
    entryOf(path) {
      const found = paths.findText(path);
      const entry = found === undefined ? 0 : last.get(found);
      return entry === 0 ? undefined : entry - 1;
    },
    isImplied: isIn(implied),
    isRemoved: isIn(removedPaths),
    isEmptied: isIn(emptiedPaths),
    // A file between two directories of one name removes the content of the first.
    mayChange: (path) => twice !== undefined || others.has(path),
    isSolid: isIn(solid),
    isLoose,
  };
}

function bitsOf(paths: readonly number[]): Bits {
  const bits = new Bits();
  for (const path of paths) bits.add(path);
  return bits;
}

/** Last names that are kept for the question. A layer with more of them leaves every question open. */
const maxOthers = 65_536;

/** The paths that may be changed under another name, by their last name. */
interface Others {
  note(path: number): void;
  has(path: string): boolean;
}

function createOthers({ paths }: LayerChanges): Others {
  const others = new Map<string, number | 'several'>();
  return {
    note(path) {
      const name = decodeText(paths.nameOf(path));
      const known = others.get(name);
      if (known === undefined && others.size > maxOthers) return;
      // Two paths of one last name: any question about it is open.
      others.set(name, known === undefined || known === path ? path : 'several');
    },
    has(path) {
      const other = others.get(path.slice(path.lastIndexOf('/') + 1));
      return others.size > maxOthers || (other !== undefined && other !== paths.findText(path));
    },
  };
}

/** Returns the directory of a path; `.` for the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '.' : path.slice(0, slash);
}
