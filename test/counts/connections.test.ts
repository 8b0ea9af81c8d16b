import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { createNetwork } from '../../bench/network.ts';
import { createClient } from '../../src/client/client.ts';
import { createRootNotes } from '../../src/client/root-notes.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';

const keychain = async (): Promise<undefined> => undefined;

it('needless-requests: a push of a layout that is there opens one connection', async (test) => {
  await using origin = await startRegistry();
  await using registry = await startRegistry();
  await using network = createNetwork({});
  const host = await network.front(registry.host);
  const path = await folder(test);
  const layout = join(path, 'layout');
  await store(origin.registry, 'app', ['1'], await makeIndex('one'));
  const rootNotes = createRootNotes(join(path, 'roots'));
  const push = async (tag: string): Promise<number> => {
    await using client = createClient({ keychain, rootNotes });
    network.take();
    await client.push(layout, `${host}/app:${tag}`);
    return network.take().connections;
  };
  {
    await using client = createClient({ keychain });
    await client.pull([`${origin.host}/app:1`], layout, { format: 'oci' });
  }
  assert.ok((await push('1')) > 1);
  assert.equal(await push('1'), 1);
});
