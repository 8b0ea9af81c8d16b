import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { readSecret } from './secret.ts';

describe('readSecret', () => {
  for (const [name, bytes] of [
    ['empty', 0],
    ['cut off', 31],
    ['too long', 33],
  ] as const) {
    it(`damaged-secret: a new secret replaces a file that is ${name}, and stays`, async (test) => {
      const path = join(await folder(test), 'secret');
      await writeFile(path, new Uint8Array(bytes), { mode: 0o644 });
      const made = await readSecret(path);
      assert.equal(made.byteLength, 32);
      assert.deepEqual(await readSecret(path), made);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    });
  }
});
