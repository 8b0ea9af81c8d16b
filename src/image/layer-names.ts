import type { LayerChanges, LayerEntry } from './layer-changes.ts';

/** The changes of one layer by path, for questions about single paths. */
export interface LayerNames {
  /** The last entry of each path. */
  readonly entries: ReadonlyMap<string, LayerEntry>;
  /** Directories that the layer does not list, and that its entries need. */
  readonly implied: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
  readonly emptied: ReadonlySet<string>;
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
export function namesOf({ entries, removed, emptied, twice }: LayerChanges): LayerNames {
  const last = new Map<string, LayerEntry>();
  const listed = new Set<string>(['.']);
  const solid = new Set<string>();
  const implied = new Set<string>();
  const others = new Map<string, string>();
  const note = (path: string): void => {
    const part = lastPart(path);
    // Two paths of one last part: any question about it is open.
    others.set(part, others.has(part) && others.get(part) !== path ? '' : path);
  };
  for (const entry of entries) {
    const { path, header } = entry;
    const parent = parentOf(path);
    last.set(path, entry);
    if (!listed.has(parent)) {
      note(path);
      for (let at = parent; at !== '.' && !listed.has(at); at = parentOf(at)) implied.add(at);
      continue;
    }
    solid.add(path);
    if (header.type === 'directory') listed.add(path);
  }
  for (const path of [...removed, ...emptied]) note(path);
  return {
    entries: last,
    implied,
    removed: new Set(removed),
    emptied: new Set(emptied),
    mayChange(path) {
      // A file between two directories of one name removes the content of the first.
      if (twice !== undefined) return true;
      const other = others.get(lastPart(path));
      return other !== undefined && other !== path;
    },
    isSolid: (path) => solid.has(path),
    isLoose: implied.size > 0,
  };
}

/** Returns the directory of a path; `.` for the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '.' : path.slice(0, slash);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
