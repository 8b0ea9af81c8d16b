import { joinedPath, statsOf } from '../disk.ts';
import { type Dependencies, findDependencies } from './dependencies.ts';
import { type NodeEntry, nodeEntry } from './entry.ts';
import type { PackageJson } from './package-json.ts';
import { findWorkspace, type Workspace } from './workspace.ts';

/** A Node application in a folder, with everything that it needs. */
export interface NodeApp extends Workspace {
  readonly manifest: PackageJson;
  /** Undefined if the options of the build name the command. */
  readonly entry: NodeEntry | undefined;
  readonly dependencies: Dependencies;
}

interface NodeAppOptions {
  /** Whether the options of the build name the command. */
  readonly hasCommand: boolean;
  /** Whether the packages that the application needs come into the image. */
  readonly isWhole: boolean;
}

const nothing: Dependencies = { packages: new Map(), own: new Map(), links: new Map() };

/**
 * Finds the parts of a Node application.
 * @throws INVALID_OPTION when package.json names no file to start
 * @throws FILE_UNKNOWN when that file, or a package that the application needs, is missing
 */
export async function findNodeApp(
  directory: string,
  manifest: PackageJson,
  { hasCommand, isWhole }: NodeAppOptions,
): Promise<NodeApp> {
  const workspace = await findWorkspace(directory);
  const { root, app, members } = workspace;
  const entry = hasCommand ? undefined : nodeEntry(root, app, manifest);
  const dependencies = isWhole ? findDependencies(root, [app, ...members], installerOf(root, app)) : nothing;
  return { ...workspace, manifest, entry, dependencies };
}

/** Returns the command that installs the packages, by the lockfile. */
function installerOf(root: string, app: string): string {
  const has = (name: string): boolean =>
    [root, joinedPath(root, app)].some((folder) => statsOf(folder, name)?.isFile() === true);
  if (has('.pnp.cjs'))
    return "`yarn install` with `nodeLinker: node-modules`, since Plug'n'Play has no node_modules,";
  if (has('pnpm-lock.yaml')) return '`pnpm install --frozen-lockfile`';
  if (has('yarn.lock')) return '`yarn install`';
  return has('package-lock.json') ? '`npm ci`' : '`npm install`';
}
