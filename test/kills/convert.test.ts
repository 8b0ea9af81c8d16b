import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startCountingProxy } from '../../bench/support/counting-proxy.ts';
import { createClient } from '../../src/client/client.ts';
import { readLockFile } from '../../src/files/lock-file.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { gantry, startGantry } from '../cli/gantry.ts';
import { file, findings, imageOf, put, type Stage, stage, tarOf } from '../edit/stage.ts';
import { folder } from '../folder.ts';
import { killedAtEveryChange, moduleAt } from './killed-at.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;

/** The code of a process that makes the layers of an image anew. */
const converting = (from: string, to: string, temporary: string): string => `
  process.env.TMPDIR = ${JSON.stringify(temporary)};
  const { createClient } = await import(${moduleAt('client/client.js')});
  const client = createClient();
  await client.convert(${JSON.stringify(from)}, { to: ${JSON.stringify(to)}, compression: 'none' });
  await client.close();`;

/** Puts an image of two layers into a layout, and returns its place. */
async function source({ client, host, registry }: Stage, root: string): Promise<string> {
  const layers = [await tarOf(file('a', 'one')), await tarOf(file('b', 'two'))];
  await put({ registry }, 'app', imageOf({ layers }));
  const place = `oci:${join(root, 'source')}:1`;
  await client.copy(`${host}/app:1`, place);
  return place;
}

async function isSound(at: Stage, place: string): Promise<void> {
  assert.deepEqual(await findings(at, place), []);
}

/** The hidden files in a folder, except a draft whose process was killed before it wrote its name: such drafts go later. */
async function leftIn(path: string): Promise<readonly string[]> {
  const names = (await readdir(path, { recursive: true })).filter((name) => /(?:^|\/)\./.test(name));
  const nameless: string[] = [];
  for (const name of names.filter((one) => /^\.gantry-draft-\w+$/.test(one)))
    if ((await readLockFile(join(path, name, '.lock')))?.holder === undefined) nameless.push(name);
  return names.filter((name) => !nameless.some((draft) => name === draft || name.startsWith(`${draft}/`)));
}

describe('a conversion that is killed before any change of the disk', { skip: noSignals }, () => {
  for (const kind of ['oci', 'oci-archive'] as const) {
    it(`convert-killed: no ${kind} has half an image, and the next conversion is right and leaves nothing`, async (test) => {
      const [at, root, temporary] = [await stage(test), await folder(test), await folder(test)];
      const from = await source(at, root);
      const pathOf = (step: number): string => join(root, String(step), 'out');
      const make = (step: number): Promise<unknown> => mkdir(join(root, String(step)), { recursive: true });
      const placeOf = (step: number): string => `${kind}:${pathOf(step)}:2`;
      await make(0);
      const { descriptor } = await at.client.convert(from, { to: placeOf(0), compression: 'none' });
      const changes = await killedAtEveryChange(
        async (step) => {
          await make(step);
          return converting(from, placeOf(step), temporary);
        },
        async (step) => {
          if (
            existsSync(kind === 'oci' ? join(pathOf(step), 'index.json') : pathOf(step)) &&
            (await at.client.exists(placeOf(step)))
          )
            await isSound(at, placeOf(step));
          const again = await at.client.convert(from, { to: placeOf(step), compression: 'none' });
          assert.equal(again.descriptor.digest, descriptor.digest, `killed before change ${step}`);
          await isSound(at, placeOf(step));
          assert.deepEqual(await leftIn(join(root, String(step))), []);
        },
      );
      assert.ok(changes > 8, `${changes} changes`);
      await isSound(at, from);
      // The next command removes the temporary files of the killed ones.
      const words = ['convert', '--compression', 'none', from, '-t', placeOf(0)];
      assert.equal((await gantry(words, { env: { TMPDIR: temporary } })).code, 0);
      assert.deepEqual(await leftIn(temporary), []);
    });
  }

  it('convert-killed: a conversion that is killed in the middle of an upload gives no tag, and the next one does', async (test) => {
    const at = await stage(test);
    const target = await startRegistry();
    atEnd(test, () => target.close());
    const proxy = await startCountingProxy(target.host);
    atEnd(test, () => proxy[Symbol.asyncDispose]());
    const size = 8 * 1024 * 1024;
    await put(at, 'app', imageOf({ layers: [await tarOf({ name: 'a', size, body: [noise(size)] })] }));
    const words = ['convert', '--compression', 'none', `${at.host}/app:1`, '-t', `${proxy.host}/app:2`];
    const reached = proxy.passed('sent', size / 2);
    const child = startGantry(words);
    atEnd(test, () => child.kill('SIGKILL'));
    await reached;
    child.kill('SIGKILL');
    await once(child, 'close');
    await using client = createClient({ keychain: async () => undefined });
    assert.equal(await client.exists(`${proxy.host}/app:2`), false);
    assert.equal((await gantry(words)).code, 0);
    await isSound(at, `${proxy.host}/app:2`);
  });
});
