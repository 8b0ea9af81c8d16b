import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Transport } from '../http/transport.ts';
import { createClient } from './client.ts';

describe('a push', () => {
  const rows = [
    { name: 'of a layout expects a request for each of its blobs', path: 'layout', expected: 3 },
    { name: 'of a named image of a layout does, too', path: 'oci:layout:v1', expected: 3 },
    { name: 'of a file expects as many as an image usually takes', path: 'file.tar', expected: 8 },
    { name: 'of what is not there does, too', path: 'nothing', expected: 8 },
  ];
  for (const { name, path, expected } of rows) {
    it(name, async (test) => {
      const folder = await mkdtemp(join(tmpdir(), 'gantry-place-'));
      test.after(() => rm(folder, { recursive: true, force: true }));
      const blobs = join(folder, 'layout', 'blobs', 'sha256');
      await mkdir(blobs, { recursive: true });
      for (const blob of ['a', 'b', 'c']) await writeFile(join(blobs, blob), blob);
      await writeFile(join(folder, 'file.tar'), 'no archive');
      const told: number[] = [];
      const transport: Transport = {
        send: () => assert.fail('nothing can be sent'),
        expect: async (_, requests) => {
          told.push(requests);
        },
        close: async () => undefined,
      };
      await using client = createClient({ transport });
      const [, kind = '', at = ''] = /^(oci:)?(.*)$/.exec(path) ?? [];
      await assert.rejects(client.push(`${kind}${join(folder, at)}`, 'registry.example/app:1'));
      assert.deepEqual(told, [expected]);
    });
  }
});
