import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { plants } from '../../test/disk/plants.ts';
import { folder } from '../../test/folder.ts';
import { DurableFiles } from './durable.ts';
import { readSecret } from './secret.ts';

describe('readSecret', () => {
  for (const [name, bytes] of [
    ['empty', 0],
    ['cut off', 31],
    ['too long', 33],
  ] as const) {
    it(`damaged-secret: a new secret replaces a file that is ${name}, and stays`, async (test) => {
      const root = await folder(test);
      const path = join(root, 'secret');
      await writeFile(path, new Uint8Array(bytes), { mode: 0o644 });
      const made = await readSecret(new DurableFiles(root));
      assert.equal(made.byteLength, 32);
      assert.deepEqual(await readSecret(new DurableFiles(root)), made);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    });
  }

  for (const [name, plant] of plants) {
    it(`damaged-secret: a new secret replaces ${name}, which moves to aside/`, async (test) => {
      const root = await folder(test);
      await plant(join(root, 'secret'));
      const made = await readSecret(new DurableFiles(root));
      assert.deepEqual(await readSecret(new DurableFiles(root)), made);
      assert.equal((await readdir(join(root, 'aside'))).length, 1);
    });
  }
});
