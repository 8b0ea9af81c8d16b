import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Client, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, giveImage, noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { fill } from '../bad-input/fill.ts';
import { noMounts, smallDisk } from '../bad-input/small-disk.ts';

const page = 4096;

type Bring = (client: Client, image: string, disk: string) => Promise<unknown>;

const ways: Readonly<Record<string, Bring>> = {
  'a docker archive': (client, image, disk) => client.pull([image], join(disk, 'out.tar')),
  'an OCI archive': (client, image, disk) => client.copy(image, `oci-archive:${join(disk, 'out.tar')}`),
  'a new layout': (client, image, disk) => client.copy(image, `oci:${join(disk, 'new')}:1`),
  'a layout that is there': (client, image, disk) => client.copy(image, `oci:${join(disk, 'layout')}:2`),
  'a pull into it': (client, image, disk) => client.pull([image], join(disk, 'layout'), { format: 'oci' }),
};

async function contents(disk: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(disk, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    found[path] = entry.isFile() ? (await readFile(path)).toString('base64') : 'folder';
  }
  return found;
}

describe('a disk that is full at any moment', { skip: noMounts }, () => {
  for (const [name, bring] of Object.entries(ways)) {
    it(`full-at-any-write: ${name} is there whole, or all is as it was`, async (test) => {
      const registry = createMemoryRegistry();
      const app = registry.repository('app');
      await giveImage(app, { layers: [blobOf(noise(3 * page)), blobOf('small')] }, '1');
      await giveImage(app, { layers: [blobOf('another')] }, 'before');
      await using served = await startRegistry({ registry });
      await using client = createClient();
      const disk = smallDisk(test, '192k');
      await client.copy(`${served.host}/app:before`, `oci:${join(disk, 'layout')}:1`);
      const outcomes = new Set<string>();
      for (let free = 0; !outcomes.has('done'); free += page) {
        const filler = await fill(disk, free);
        const before = await contents(disk);
        const outcome = await bring(client, `${served.host}/app:1`, disk).then(
          () => 'done',
          (error: unknown) => (isGantryError(error) ? rootOf(error) : String(error)),
        );
        outcomes.add(outcome);
        if (outcome !== 'done') assert.deepEqual(await contents(disk), before, `${free} bytes were free`);
        await rm(filler);
        assert.ok(free < 40 * page, [...outcomes].join());
      }
      assert.deepEqual([...outcomes].toSorted(), ['NO_SPACE', 'done']);
    });
  }
});

function rootOf(error: Error): string {
  const { cause } = error;
  if (isGantryError(cause)) return rootOf(cause);
  return isGantryError(error) ? error.code : error.message;
}
