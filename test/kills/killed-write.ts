import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive } from '../../src/archive/read.ts';
import { createArchive } from '../../src/archive/write.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Repository } from '../../src/store/contract.ts';
import { moduleAt } from './killed-at.ts';

/** A place of one kind. */
export interface Kind {
  readonly name: string;
  /** The code that opens it in another process. */
  readonly code: (path: string) => string;
  readonly open: (path: string) => Promise<Repository>;
  readonly reopen: (path: string) => Promise<Repository>;
  /** Returns the folder of the files that a killed process has left. */
  readonly left: (path: string) => Promise<string>;
}

export const kinds: readonly Kind[] = [
  {
    name: 'layout',
    code: (path) => `openLayout(${JSON.stringify(path)}, { mode: 'write' })`,
    open: (path) => openLayout(path, { mode: 'write' }),
    reopen: (path) => openLayout(path, { mode: 'read' }),
    left: async (path) => join(path, '.gantry-uploads'),
  },
  {
    name: 'archive',
    code: (path) => `createArchive(${JSON.stringify(path)}, { format: 'docker' })`,
    open: (path) => createArchive(path, { format: 'docker' }),
    reopen: (path) => openArchive(path),
    async left(path) {
      const parent = join(path, '..');
      const drafts = (await readdir(parent)).filter((name) => name.startsWith('.gantry-draft-'));
      assert.equal(drafts.length, 1);
      return join(parent, drafts[0] ?? '');
    },
  },
];

/** Writes blobs of these sizes in another process, which is killed at this byte of the last one. */
export async function killed(kind: Kind, path: string, sizes: readonly number[], at: number): Promise<void> {
  const program = `
    const { openLayout } = await import(${moduleAt('layout/repository.js')});
    const { createArchive } = await import(${moduleAt('archive/write.js')});
    const { blobOf, noise } = await import(${moduleAt('testing/contract/sample.js')});
    const sizes = ${JSON.stringify(sizes)};
    const to = await ${kind.code(path)};
    for (const [index, size] of sizes.entries()) {
      const { descriptor, bytes } = blobOf(noise(size));
      await to.blobs.write(descriptor, {
        size,
        replayable: true,
        async *open({ from = 0 } = {}) {
          for (let byte = from; byte < size; byte += 65536) {
            if (index === sizes.length - 1 && byte >= ${at}) process.kill(process.pid, 'SIGKILL');
            yield bytes.subarray(byte, byte + 65536);
          }
        },
      });
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL');
}
