import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { gantry } from '../cli/gantry.ts';
import { makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';

async function stdoutOf(line: string, cwd: string): Promise<string> {
  const { code, stdout, stderr } = await gantry(line.split(' '), { cwd });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Returns the file of a layer in a repository of the store. */
async function layerFile(root: string): Promise<string> {
  const files = await readdir(root, { recursive: true, withFileTypes: true });
  const blobs = files.filter(
    ({ name, parentPath }) => /^[0-9a-f]{64}$/.test(name) && parentPath.includes('_layout'),
  );
  const sized = await Promise.all(
    blobs.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      const bytes = await readFile(path);
      return { path, isLayer: bytes[0] === 0x1f };
    }),
  );
  return sized.find(({ isLayer }) => isLayer)?.path ?? assert.fail('the store has no layer');
}

/** Writes the same number of other bytes to all links of this file. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(
    path,
    bytes.map((byte) => byte ^ 1),
  );
}

describe('a damaged store of our own', () => {
  for (const verb of ['push', 'copy']) {
    for (const [what, spoil] of [
      ['damaged', damage],
      ['lost', (path: string) => rm(path)],
    ] as const) {
      it(`target-lost-content: ${verb} --repair restores a store in which a blob was ${what}`, async (test) => {
        const root = await folder(test);
        const cwd = await folder(test);
        await using source = await startRegistry();
        await store(source.registry, 'app', ['1'], await makeIndex('hello'));
        await stdoutOf(`pull --format=oci ${source.host}/app:1 layout`, cwd);
        const from = verb === 'push' ? 'push layout' : `copy ${source.host}/app:1`;
        await using files = await openDiskRegistry(join(root, 'store'));
        await using target = await startRegistry({ registry: files });
        await stdoutOf(`${from} ${target.host}/app:1`, cwd);
        await spoil(await layerFile(join(root, 'store')));
        await stdoutOf(`${from} ${target.host}/app:1 --repair`, cwd);
        await stdoutOf(`validate --remote ${target.host}/app:1`, cwd);
      });
    }
  }
});
