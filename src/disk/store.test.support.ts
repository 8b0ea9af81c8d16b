import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { blobOf, type SampleBlob } from '../testing/contract/sample.ts';
import { type DiskRegistry, openDiskRegistry } from './registry.ts';

/** A path where nothing is yet. */
export async function newPath(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-disk-'));
  atEnd(test, () => rm(folder, { recursive: true }));
  return join(folder, 'store');
}

export async function within<T>(path: string, task: (registry: DiskRegistry) => Promise<T>): Promise<T> {
  await using registry = await openDiskRegistry(path);
  // Awaited here: the store is closed when this function ends, not when the promise does.
  return await task(registry);
}

/** A module beside this one as a literal for another process's code. */
function at(file: string): string {
  return JSON.stringify(new URL(file, import.meta.url).href);
}

/** Does `code` with `registry` in another process, which is killed before it could close anything. */
export async function killedAfter(path: string, code: string): Promise<string> {
  const script = `
    const { openDiskRegistry } = await import(${at('./registry.js')});
    const { bytesContent } = await import(${at('../flow/content.js')});
    const { giveImage, noise } = await import(${at('../testing/contract/sample.js')});
    const registry = await openDiskRegistry(${JSON.stringify(path)});
    const say = (text) => new Promise((done) => process.stdout.write(text, done));
    ${code}
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return said;
}

export const layer: SampleBlob = blobOf('a layer');
export const layoutOf = (path: string, ...name: readonly string[]): string =>
  join(path, 'repositories', ...name, '_layout');
