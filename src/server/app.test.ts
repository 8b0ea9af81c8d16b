import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StorageError } from '../errors.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Registry } from '../store/contract.ts';
import { createApp } from './app.ts';
import { asking, assertRefused, digestText, pushBlob, pushImage } from './ask.test.support.ts';
import type { Limits } from './limits.ts';

describe('end-1, is this a registry?', () => {
  it('end-1 answers with the version that old docker clients look for', async () => {
    const answer = await asking(createApp(createMemoryRegistry()))('GET', '/v2/');
    assert.equal(answer.status, 200);
    assert.equal(answer.header('docker-distribution-api-version'), 'registry/2.0');
    assert.equal(answer.text, '{}');
  });
});

describe('the registry as a function', () => {
  it('an unknown path is an error in the form of the specification', async () => {
    const ask = asking(createApp(createMemoryRegistry()));
    assertRefused(await ask('GET', '/v2/a/%2e%2e/tags/list'), 400, 'NAME_INVALID');
    assertRefused(await ask('GET', '/'), 404, 'NAME_UNKNOWN');
    const refused = await ask('PUT', '/v2/a/tags/list');
    assertRefused(refused, 405, 'UNSUPPORTED');
    assert.equal(refused.header('allow'), 'GET, HEAD');
  });

  it('a HEAD is answered like the GET, without the body', async () => {
    const ask = asking(createApp(createMemoryRegistry()));
    const { digest } = await pushImage(ask, 'a', 'v1');
    const targets = [
      '/v2/',
      '/v2/_catalog',
      '/v2/a/tags/list',
      '/v2/a/manifests/v1',
      `/v2/a/manifests/${digest}`,
      `/v2/a/blobs/${digestText('layer')}`,
      `/v2/a/referrers/${digest}`,
      '/v2/a/manifests/missing',
      `/v2/a/blobs/${digest}`,
      '/v2/a/blobs/bad',
    ];
    for (const target of targets) {
      const got = await ask('GET', target);
      const head = await ask('HEAD', target);
      assert.equal(head.status, got.status, target);
      assert.deepEqual(head.headers, got.headers, target);
      assert.equal(got.header('content-length'), String(got.bytes.byteLength), target);
      assert.equal(head.bytes.byteLength, 0, target);
    }
  });

  it('the operator learns of an internal failure, and the client only that it happened', async () => {
    const failure = new StorageError('NO_SPACE', 'disk /secret full', { path: '/secret' });
    const broken: Registry = {
      repository() {
        throw failure;
      },
      repositories() {
        throw new Error('/secret');
      },
    };
    const seen: unknown[] = [];
    const ask = asking(createApp(broken, { onFailure: (error) => seen.push(error) }));
    const full = await ask('GET', '/v2/a/tags/list');
    assertRefused(full, 503, 'UNAVAILABLE');
    const bug = await ask('GET', '/v2/_catalog');
    assertRefused(bug, 500, 'UNKNOWN');
    assert.doesNotMatch(full.text + bug.text, /secret/);
    assert.equal(seen.length, 2);
    assert.equal(seen[0], failure);
  });

  it('an aborted request rejects with its reason', async () => {
    const reason = new Error('gone');
    const send = createApp(createMemoryRegistry());
    const request = { method: 'GET', url: '/v2/a/tags/list', headers: {}, replay: 'never' } as const;
    await assert.rejects(
      send({ ...request, signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
  });

  it('every kind of deletion is refused if deletions are switched off, before the registry looks', async () => {
    const registry = createMemoryRegistry();
    const { digest } = await pushImage(asking(createApp(registry)), 'a', 'v1');
    const ask = asking(createApp(registry, { deletes: false }));
    const targets = [
      '/v2/a/manifests/v1',
      `/v2/a/manifests/${digest}`,
      `/v2/a/blobs/${digestText('layer')}`,
      '/v2/a/manifests/missing',
    ];
    for (const target of targets) assertRefused(await ask('DELETE', target), 405, 'UNSUPPORTED');
    assert.equal((await ask('GET', '/v2/a/manifests/v1')).status, 200);
    assert.equal((await ask('GET', `/v2/a/blobs/${digestText('layer')}`)).status, 200);
  });

  it('still lets an upload be cancelled then', async () => {
    const ask = asking(createApp(createMemoryRegistry(), { deletes: false }));
    const start = await ask('POST', '/v2/a/blobs/uploads/');
    assert.equal((await ask('DELETE', start.header('location') ?? '')).status, 204);
  });
});

describe('the catalog', () => {
  it('a limit that is undefined leaves the default in place', async () => {
    const limits = { pageNames: undefined } as unknown as Partial<Limits>;
    const ask = asking(createApp(createMemoryRegistry(), { limits }));
    for (const name of ['b', 'a']) await pushBlob(ask, name, 'x');
    assert.equal((await ask('GET', '/v2/_catalog')).text, '{"repositories":["a","b"]}');
    assert.equal((await ask('GET', '/v2/_catalog?n=0')).text, '{"repositories":[]}');
  });

  it('the catalog lists repositories by page, in byte order', async () => {
    const ask = asking(createApp(createMemoryRegistry()));
    for (const name of ['b', 'a/z', 'a', 'c']) await pushBlob(ask, name, 'x');
    const first = await ask('GET', '/v2/_catalog?n=2');
    assert.equal(first.text, '{"repositories":["a","a/z"]}');
    assert.equal(first.header('link'), '</v2/_catalog?n=2&last=a%2Fz>; rel="next"');
    const second = await ask('GET', '/v2/_catalog?n=2&last=a%2Fz');
    assert.equal(second.text, '{"repositories":["b","c"]}');
    assert.equal(second.header('link'), undefined);
  });
});
