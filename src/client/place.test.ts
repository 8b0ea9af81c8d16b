import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import type { Transport } from '../http/transport.ts';
import { createClient } from './client.ts';

/** Notes what it is told to expect. */
function tellingTransport() {
  const told: string[] = [];
  const transport: Transport = {
    send: () => assert.fail('nothing can be sent'),
    expect: async (url, requests) => {
      told.push(`${url} ${requests}`);
    },
    close: async () => undefined,
  };
  return { transport, told };
}

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
      atEnd(test, () => rm(folder, { recursive: true, force: true }));
      const blobs = join(folder, 'layout', 'blobs', 'sha256');
      await mkdir(blobs, { recursive: true });
      for (const blob of ['a', 'b', 'c']) await writeFile(join(blobs, blob), blob);
      await writeFile(join(folder, 'file.tar'), 'no archive');
      const { transport, told } = tellingTransport();
      await using client = createClient({ transport });
      const [, kind = '', at = ''] = /^(oci:)?(.*)$/.exec(path) ?? [];
      await assert.rejects(client.push(`${kind}${join(folder, at)}`, 'registry.example/app:1'));
      assert.deepEqual(told, [`https://registry.example ${expected}`]);
    });
  }
});

it('a copy expects to ask the destination for the blobs of an image at once', async () => {
  const { transport, told } = tellingTransport();
  await using client = createClient({ transport });
  await assert.rejects(client.copy('from.example/app:1', 'to.example/app:1'));
  assert.deepEqual(told, ['https://from.example 4', 'https://to.example 8']);
});
