import type { TestContext } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createPullThrough } from '../../src/pull-through/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import { registryContract } from '../../src/testing/contract.ts';
import { atEnd } from '../at-end.ts';
import { diskCache } from './stage.ts';

/** Writes go to the upstream and reads go through the cache, which must be as good. Deletions go to both. */
function readThrough(test: TestContext, upstream: Registry, cache: Registry): Registry {
  const through = createPullThrough(upstream, cache);
  atEnd(test, () => through[Symbol.asyncDispose]());
  const served = createRemoteRegistry({ base: 'http://cache.test', send: createApp(through) });
  return {
    repository(name, intent) {
      const [above, below] = [upstream.repository(name, intent), served.repository(name)];
      const kept = cache.repository(name);
      return {
        ...above,
        blobs: {
          ...above.blobs,
          stat: (digest, options) => below.blobs.stat(digest, options),
          open: (blob) => below.blobs.open(blob),
          async delete(digest, options) {
            await kept.blobs.delete(digest, options);
            return above.blobs.delete(digest, options);
          },
        },
        manifests: {
          ...above.manifests,
          resolve: (reference, options) => below.manifests.resolve(reference, options),
          get: (reference, options) => below.manifests.get(reference, options),
          async delete(digest, options) {
            await kept.manifests.delete(digest, options);
            return above.manifests.delete(digest, options);
          },
        },
        tags: { ...above.tags, list: (options) => below.tags.list(options) },
        referrers: (subject, options) => below.referrers(subject, options),
      };
    },
    // The cache has no content that nobody has pulled.
    repositories: (options) => upstream.repositories(options),
  };
}

registryContract('client over server over cache over memory', (test) =>
  readThrough(test, createMemoryRegistry(), createMemoryRegistry()),
);
registryContract(
  'client over server over cache on disk over client over server over memory',
  async (test) => {
    const send = createApp(createMemoryRegistry());
    const upstream = createRemoteRegistry({ base: 'http://upstream.test', send });
    return readThrough(test, upstream, await diskCache(test));
  },
);
