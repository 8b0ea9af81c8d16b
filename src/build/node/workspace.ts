import { dirname, relative, resolve, sep } from 'node:path';
import { bytesOf, joinedPath, listedNames, shownPath, statsOf } from '../disk.ts';
import { pathMatcher } from '../ignore.ts';
import { readYaml } from '../yaml.ts';
import { readPackageJson } from './package-json.ts';

/** The place of an application in its workspace. */
export interface Workspace {
  /** The folder with everything that the application may need: that of the workspace, or its own. */
  readonly root: string;
  /** The folder of the application below the root; '' if it is the root itself. */
  readonly app: string;
  /** The folders of all workspace packages below the root, if the application is the root. */
  readonly members: readonly string[];
}

/** Finds the workspace that a folder belongs to. A folder without one is its own. */
export async function findWorkspace(directory: string): Promise<Workspace> {
  const folder = resolve(directory);
  const alone = { root: folder, app: '', members: [] };
  const own = await patternsIn(folder);
  if (own !== undefined) return { ...alone, members: membersOf(folder, own) };
  for (let above = dirname(folder); above !== dirname(above); above = dirname(above)) {
    const patterns = await patternsIn(above);
    if (patterns === undefined) continue;
    const app = relative(above, folder).split(sep).join('/');
    // A folder that no pattern names only lies below a workspace, and is no part of it.
    return isNamed(app, patterns) ? { root: above, app, members: [] } : alone;
  }
  return alone;
}

/** In bytes. It is written by hand. */
const limit = 1024 * 1024;

/** Returns the patterns of workspace packages in a folder; undefined if it is the root of no workspace. */
async function patternsIn(folder: string): Promise<readonly string[] | undefined> {
  const bytes = bytesOf(folder, 'pnpm-workspace.yaml', limit);
  if (bytes === undefined) return readPackageJson(folder, '')?.workspaces;
  const value = await readYaml(new TextDecoder().decode(bytes), shownPath(folder, 'pnpm-workspace.yaml'));
  const packages: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'packages') : undefined;
  // pnpm 10 also keeps settings in this file, for a folder without workspace packages.
  return Array.isArray(packages) ? packages.filter((one) => typeof one === 'string') : undefined;
}

/** Whether patterns such as `packages/*` and `!packages/old` name a folder. */
function isNamed(path: string, patterns: readonly string[]): boolean {
  const fits = (pattern: string): boolean =>
    pathMatcher(pattern.replace(/^\.?\//, '').replace(/\/$/, ''))?.(path) === true;
  const [excluded, included] = [
    patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1)),
    patterns.filter((pattern) => !pattern.startsWith('!')),
  ];
  return included.some(fits) && !excluded.some(fits);
}

/** Finds the folders that the patterns name and that have a package.json. */
function membersOf(root: string, patterns: readonly string[]): readonly string[] {
  const depths = patterns.map((pattern) =>
    pattern.includes('**') ? Number.POSITIVE_INFINITY : pattern.replace(/^\.?\//, '').split('/').length,
  );
  const deepest = Math.max(0, ...depths);
  const found: string[] = [];
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const name of listedNames(root, folder)) {
      const path = joinedPath(folder, name);
      const isSkipped = name === 'node_modules' || name.startsWith('.');
      if (isSkipped || statsOf(root, path)?.isDirectory() !== true) continue;
      if (path.split('/').length < deepest) waiting.push(path);
      const hasManifest = statsOf(root, joinedPath(path, 'package.json'))?.isFile() === true;
      if (hasManifest && isNamed(path, patterns)) found.push(path);
    }
  }
  return found.toSorted();
}
