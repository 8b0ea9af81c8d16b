import { parentPath } from './disk.ts';
import { hasExceptions, type IgnoreRules, isIgnored } from './ignore.ts';
import { type Dependencies, ownerOf } from './node/dependencies.ts';
import { isNeverTaken } from './secrets.ts';
import type { Choose } from './walk.ts';

/** The ignore file of a folder. */
export interface FolderRules {
  /** The folder, below the same root as the paths. */
  readonly folder: string;
  readonly rules: IgnoreRules;
}

/** Chooses the files in some folders, without those in `except` and those that the ignore files leave out. */
export function chooseSources(
  folders: Iterable<string>,
  { except, ignore }: { readonly except: ReadonlySet<string>; readonly ignore: readonly FolderRules[] },
): Choose {
  const inside = new Set(folders);
  const above = ancestorsOf(inside);
  const isInside = (path: string): boolean => {
    for (let folder = path; folder !== ''; folder = parentPath(folder)) if (inside.has(folder)) return true;
    return inside.has('');
  };
  return (path) => {
    if (isNeverTaken(path) || except.has(path)) return 'leave';
    if (!isInside(path)) return above.has(path) ? 'look' : 'leave';
    const matching = ignore.filter(({ folder, rules }) => {
      const below = belowOf(folder, path);
      return below !== undefined && isIgnored(rules, below);
    });
    if (matching.length === 0) return 'take';
    return matching.every(({ rules }) => hasExceptions(rules)) ? 'look' : 'leave';
  };
}

/** Returns the part of a path below a folder; undefined for the folder itself and for a path that is not in it. */
function belowOf(folder: string, path: string): string | undefined {
  if (folder === '') return path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}

/**
 * Chooses the files of packages in `node_modules`, and the links that lead to these packages or to the folders in
 * `alsoLinked`.
 */
export function choosePackages(
  found: Dependencies,
  folders: ReadonlySet<string>,
  alsoLinked: ReadonlySet<string>,
): Choose {
  const leads = (to: string): boolean => folders.has(to) || alsoLinked.has(to);
  const links = new Set([...found.links].filter(([, to]) => leads(to)).map(([link]) => link));
  const above = ancestorsOf([...folders, ...links]);
  return (path) => {
    if (isNeverTaken(path)) return 'leave';
    if (links.has(path) || folders.has(path)) return 'take';
    if (above.has(path)) return 'look';
    const owner = found.links.has(path) ? undefined : ownerOf(path, found);
    return owner !== undefined && folders.has(owner) ? 'take' : 'leave';
  };
}

function ancestorsOf(paths: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of paths) {
    for (let folder = parentPath(path); folder !== '' && !found.has(folder); folder = parentPath(folder))
      found.add(folder);
  }
  return found;
}
