import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../project.ts';
import type { Platform } from './platforms.ts';
import { run } from './run.ts';

/** Returns the file of the runtime, in the folder where `installRuntime` puts it. */
export function runtimeOf({ name, runtime, runtimeFile }: Platform): string {
  return join(folderOf(name), 'node_modules', runtime, runtimeFile);
}

/** Returns whether the runtime has been installed. */
export function hasRuntime(platform: Platform): boolean {
  return existsSync(runtimeOf(platform));
}

/**
 * Installs the runtime of a platform, unless it is there: npm takes the version of the lockfile in `executables/` and
 * compares the package with the hash in it.
 */
export async function installRuntime(platform: Platform): Promise<void> {
  if (hasRuntime(platform)) return;
  const folder = folderOf(platform.name);
  await mkdir(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) {
    await copyFile(join(projectRoot(), 'executables', file), join(folder, file));
  }
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['ci', `--os=${platform.os}`, `--cpu=${platform.cpu}`, ...flags], { cwd: folder });
  if (!hasRuntime(platform)) throw new Error(`npm did not install ${platform.runtime}`);
}

function folderOf(name: string): string {
  return join(projectRoot(), '.runtimes', 'executables', name);
}
