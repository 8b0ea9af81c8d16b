import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, digestText, pushImage } from './ask.test.support.ts';
import type { MethodPolicyOptions } from './method-policy.ts';

/** A registry that was filled before changes were switched off. */
async function filled(options: MethodPolicyOptions): Promise<Ask> {
  const registry = createMemoryRegistry();
  await pushImage(asking(createApp(registry)), 'a', 'v1');
  return asking(createApp(registry, options));
}

const blob = `/v2/a/blobs/${digestText('layer')}`;
const deletes: readonly [method: string, target: string, allow: string][] = [
  ['DELETE', blob, 'GET, HEAD'],
  ['DELETE', '/v2/a/manifests/v1', 'GET, HEAD, PUT'],
  ['DELETE', `/v2/a/manifests/${digestText('any')}`, 'GET, HEAD, PUT'],
];
const writes: readonly [method: string, target: string, allow: string][] = [
  ['POST', '/v2/a/blobs/uploads/', ''],
  ['POST', `/v2/a/blobs/uploads/?digest=${digestText('x')}`, ''],
  ['POST', `/v2/b/blobs/uploads/?mount=${digestText('layer')}&from=a`, ''],
  ['PATCH', '/v2/a/blobs/uploads/YQ', ''],
  ['PUT', `/v2/a/blobs/uploads/YQ?digest=${digestText('x')}`, ''],
  ['DELETE', '/v2/a/blobs/uploads/YQ', ''],
  ['PUT', '/v2/a/manifests/v2', 'GET, HEAD'],
  ...deletes.map(([method, target]): [string, string, string] => [method, target, 'GET, HEAD']),
];
const reads = [
  '/v2/',
  '/v2/_catalog',
  '/v2/a/tags/list',
  '/v2/a/manifests/v1',
  blob,
  `/v2/a/referrers/${digestText('x')}`,
];

describe('a registry that is only read', () => {
  for (const [method, target, allow] of writes) {
    it(`a read-only registry refuses ${method} ${target}`, async () => {
      const refused = await (await filled({ writes: false }))(method, target, { body: 'x' });
      assertRefused(refused, 405, 'UNSUPPORTED');
      assert.deepEqual(refused.lines('allow'), [allow]);
    });
  }

  for (const target of reads) {
    it(`a read-only registry answers GET ${target}`, async () => {
      assert.equal((await (await filled({ writes: false }))('GET', target)).status, 200);
    });
  }
});

describe('a registry that deletes nothing', () => {
  for (const [method, target, allow] of deletes) {
    it(`a registry without deletions refuses ${method} ${target}, and the content still exists`, async () => {
      const ask = await filled({ deletes: false });
      const refused = await ask(method, target);
      assertRefused(refused, 405, 'UNSUPPORTED');
      assert.deepEqual(refused.lines('allow'), [allow]);
      assert.equal((await ask('GET', '/v2/a/manifests/v1')).status, 200);
      assert.equal((await ask('GET', blob)).status, 200);
    });
  }

  it('a registry without deletions accepts pushes, and cancels uploads', async () => {
    const ask = await filled({ deletes: false });
    const start = await ask('POST', '/v2/a/blobs/uploads/');
    assert.equal((await ask('DELETE', start.header('location') ?? '')).status, 204);
  });
});
