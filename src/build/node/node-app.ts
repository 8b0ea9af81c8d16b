import { statsOf } from '../disk.ts';
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

/**
 * Finds the parts of a Node application.
 * @throws INVALID_OPTION when package.json names no file to start
 * @throws FILE_UNKNOWN when that file, or a package that the application needs, is missing
 */
export async function findNodeApp(
  directory: string,
  manifest: PackageJson,
  { hasCommand }: { readonly hasCommand: boolean },
): Promise<NodeApp> {
  const workspace = await findWorkspace(directory);
  const { root, app, members } = workspace;
  const entry = hasCommand ? undefined : nodeEntry(root, app, manifest);
  const dependencies = findDependencies(root, [app, ...members], installerOf(root));
  return { ...workspace, manifest, entry, dependencies };
}

/** Returns the command that installs the packages, by the lockfile. */
function installerOf(root: string): string {
  const has = (name: string): boolean => statsOf(root, name)?.isFile() === true;
  if (has('pnpm-lock.yaml')) return '`pnpm install --frozen-lockfile`';
  if (has('yarn.lock')) return '`yarn install`';
  return has('package-lock.json') ? '`npm ci`' : '`npm install`';
}
