import { isGantryError, NotFoundError } from '../../errors.ts';
import { joinedPath, listedNames, parentPath, shownPath, statsOf } from '../disk.ts';
import { type Resolved, resolveInside } from '../inside.ts';
import { type PackageJson, readPackageJson } from './package-json.ts';

/** A package that an application needs. */
export interface NodePackage {
  /** The folder, without symbolic links on the way. */
  readonly path: string;
  readonly manifest: PackageJson;
  /** The packages that it needs itself, by their folders. */
  readonly needs: readonly string[];
  /** The names of optional packages that are not installed. */
  readonly absent: readonly string[];
}

/** Everything that an application needs at run time, as Node finds it. */
export interface Dependencies {
  /** Packages in `node_modules`, by their folders. */
  readonly packages: ReadonlyMap<string, NodePackage>;
  /** Packages beside `node_modules`: the application itself, and those of its workspace. */
  readonly own: ReadonlyMap<string, NodePackage>;
  /** The symbolic links on the way to a package, each with the folder of that package. */
  readonly links: ReadonlyMap<string, string>;
}

interface Search {
  readonly root: string;
  readonly links: Map<string, string>;
  /** The package at each path that was looked for. */
  readonly seen: Map<string, Resolved | undefined>;
  /** The command that installs the packages, for messages. */
  readonly install: string;
}

/**
 * Finds the packages that the packages in `folders` need at run time, as Node itself finds them: in the nearest `node_modules`,
 * through symbolic links. So the way of the installation (npm, yarn or pnpm, hoisted or not) does not matter, and packages that
 * only development needs stay out.
 * @throws FILE_UNKNOWN when a needed package is missing
 * @throws UNSUPPORTED when a package lies outside of `root`
 */
export function findDependencies(root: string, folders: readonly string[], install: string): Dependencies {
  const search: Search = { root, links: new Map(), seen: new Map(), install };
  const packages = new Map<string, NodePackage>();
  const own = new Map<string, NodePackage>();
  const waiting = [...folders];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (packages.has(path) || own.has(path)) continue;
    const manifest = readPackageJson(root, path);
    // Node also runs packages without a package.json.
    const { needs, absent } = needsOf(search, path, manifest ?? empty);
    (isInstalled(path) ? packages : own).set(path, { path, manifest: manifest ?? empty, needs, absent });
    waiting.push(...needs);
  }
  for (const { path, manifest } of own.values()) linkByName(search, path, manifest);
  const found = { packages, own, links: search.links };
  for (const folder of modulesFolders(found)) addCommands(search, folder, found);
  addHoisted(search, found);
  return found;
}

/** Adds the link by which npm lets a package of the workspace be found under its name. */
function linkByName({ root, links }: Search, path: string, { name = '' }: PackageJson): void {
  const link = `node_modules/${name}`;
  if (name === '' || statsOf(root, link)?.isSymbolicLink() !== true) return;
  if (resolveInside(root, link).path === path) links.set(link, path);
}

const empty: PackageJson = {
  bin: [],
  dependencies: [],
  optionalDependencies: [],
  peerDependencies: [],
  os: [],
  cpu: [],
  libc: [],
};

/** Whether a folder is in `node_modules`, and so not written by the authors of the application. */
function isInstalled(path: string): boolean {
  return path.startsWith('node_modules/') || path.includes('/node_modules/');
}

function needsOf(search: Search, path: string, manifest: PackageJson): Pick<NodePackage, 'needs' | 'absent'> {
  const optional = new Set([...manifest.optionalDependencies, ...manifest.peerDependencies]);
  const needs: string[] = [];
  const absent: string[] = [];
  for (const name of new Set([...manifest.dependencies, ...optional])) {
    const found = findPackage(search, path, name);
    if (found !== undefined) needs.push(found);
    else if (optional.has(name)) absent.push(name);
    else throw missing(search, path, name);
  }
  return { needs, absent };
}

/** Looks for a package in each `node_modules` from a folder upward. */
function findPackage(search: Search, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = parentPath(folder)) {
    if (folder !== 'node_modules' && !folder.endsWith('/node_modules')) {
      const found = resolved(search, joinedPath(folder, `node_modules/${name}`));
      if (found !== undefined) return found.path;
    }
    if (folder === '') return undefined;
  }
}

function resolved({ root, links, seen }: Search, path: string): Resolved | undefined {
  if (seen.has(path)) return seen.get(path);
  const isThere = statsOf(root, path) !== undefined;
  const found = isThere ? resolveInside(root, path) : undefined;
  const isFolder = found !== undefined && statsOf(root, found.path)?.isDirectory() === true;
  seen.set(path, isFolder ? found : undefined);
  if (!isFolder) return undefined;
  for (const link of found.links) links.set(link, found.path);
  return found;
}

function missing({ root, install }: Search, path: string, name: string): NotFoundError {
  const who = shownPath(root, joinedPath(path, 'package.json'));
  return new NotFoundError(
    'FILE_UNKNOWN',
    `the package "${name}" is not installed, and ${who} needs it: run ${install} first`,
  );
}

/** Lists the `node_modules` folders that hold needed packages, or links to them. */
function modulesFolders({ packages, links }: Dependencies): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of [...packages.keys(), ...links.keys()]) {
    const at = path.lastIndexOf('node_modules/');
    if (at >= 0) folders.add(path.slice(0, at + 'node_modules'.length));
  }
  return folders;
}

/**
 * Adds the symbolic links in `.bin` to files that are taken. pnpm and Windows have scripts there instead, which name folders of
 * this machine; these stay out.
 */
function addCommands(search: Search, folder: string, found: Dependencies): void {
  const commands = joinedPath(folder, '.bin');
  if (statsOf(search.root, commands)?.isDirectory() !== true) return;
  for (const name of listedNames(search.root, commands)) {
    const path = joinedPath(commands, name);
    const target = linkedPath(search, path);
    const owner = target === undefined ? undefined : ownerOf(target, found);
    if (owner !== undefined) search.links.set(path, owner);
  }
}

/** Adds the links by which pnpm lets packages find others that they do not name. */
function addHoisted(search: Search, found: Dependencies): void {
  const folder = 'node_modules/.pnpm/node_modules';
  if (statsOf(search.root, folder)?.isDirectory() !== true) return;
  for (const name of listedNames(search.root, folder)) {
    const path = joinedPath(folder, name);
    const inner = name.startsWith('@')
      ? listedNames(search.root, path).map((one) => joinedPath(path, one))
      : [];
    for (const link of name.startsWith('@') ? inner : [path]) {
      const target = linkedPath(search, link);
      if (target !== undefined && found.packages.has(target)) search.links.set(link, target);
    }
  }
}

/** Returns the end of a symbolic link; undefined for anything else, and for a link that leads out of the folder. */
function linkedPath({ root }: Search, path: string): string | undefined {
  if (statsOf(root, path)?.isSymbolicLink() !== true) return undefined;
  try {
    const target = resolveInside(root, path).path;
    return statsOf(root, target) === undefined ? undefined : target;
  } catch (error) {
    // A package that only development needs may have it.
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

/** Returns the taken package that a file belongs to; undefined for a file of a package that is not taken. */
export function ownerOf(path: string, { packages, own }: Dependencies): string | undefined {
  const known = isInstalled(path) ? packages : own;
  for (let folder = path; ; folder = parentPath(folder)) {
    if (known.has(folder)) {
      const rest = folder === '' ? path : path.slice(folder.length + 1);
      return rest === 'node_modules' || rest.startsWith('node_modules/') ? undefined : folder;
    }
    if (folder === '') return undefined;
  }
}
