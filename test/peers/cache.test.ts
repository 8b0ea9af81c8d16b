import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startDistribution } from '../../bench/support/distribution.ts';
import { createConnections } from '../../src/client/connections.ts';
import { createClient } from '../../src/index.ts';
import { createPullThrough } from '../../src/pull-through/registry.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/index.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { diskCache } from '../proxy-cache/stage.ts';
import { peerClients } from './clients.ts';
import { indexOfTwo, partsInLayout, partsOf } from './images.ts';

/** A cache on disk between Debian's registry and other clients. */

const index = await indexOfTwo();

async function startCache(test: TestContext, upstream: string): Promise<TestRegistry> {
  const cache = await diskCache(test);
  const connections = createConnections({ keychain: async () => undefined, retry: { attempts: 1 } });
  atEnd(test, () => connections[Symbol.asyncDispose]());
  const through = createPullThrough(connections.registry({ registry: upstream }), cache);
  atEnd(test, () => through[Symbol.asyncDispose]());
  const registry = await startRegistry({ registry: through });
  atEnd(test, () => registry.close());
  return registry;
}

for (const peer of peerClients) {
  describe(`${peer.name} at a cache of docker-registry`, needs(peer.name, 'docker-registry'), () => {
    it('a client pulls content of the upstream, and again when the upstream is gone', async (test) => {
      const home = await folder(test);
      const upstream = await startDistribution();
      atEnd(test, () => upstream[Symbol.asyncDispose]());
      await using client = createClient();
      await client.pushIndex(`${upstream.host}/acme/app:1`, index);
      const { host } = await startCache(test, upstream.host);
      const parts = await partsOf(index);
      for (const layout of ['first', 'second']) {
        await peer.pull(`${host}/acme/app:1`, join(home, layout));
        assert.deepEqual(await partsInLayout(join(home, layout)), parts);
        assert.deepEqual(await peer.tags(`${host}/acme/app`), ['1']);
        await upstream[Symbol.asyncDispose]();
      }
    });

    it('a client cannot push to a cache', async (test) => {
      const upstream = await startDistribution();
      atEnd(test, () => upstream[Symbol.asyncDispose]());
      const { host, requests } = await startCache(test, upstream.host);
      await using other = await startRegistry();
      await using client = createClient();
      await client.pushIndex(`${other.host}/acme/app:1`, index);
      await assert.rejects(peer.copy(`${other.host}/acme/app:1`, `${host}/acme/app:1`));
      assert.ok(requests.some(({ status }) => status === 405));
    });
  });
}
