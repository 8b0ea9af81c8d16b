import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { startRegistry } from './start-registry.ts';

describe('a registry for a test', () => {
  it('a registry for a test serves until the test closes it', async () => {
    let url: string;
    {
      await using registry = await startRegistry();
      url = registry.url;
      assert.equal(url, `http://${registry.host}`);
      assert.match(registry.host, /^127\.0\.0\.1:\d+$/);
      assert.equal((await fetch(`${url}/v2/`)).status, 200);
    }
    await assert.rejects(fetch(`${url}/v2/`));
  });

  it('a registry for a test serves the given place, which the test can inspect', async () => {
    const place = createMemoryRegistry();
    await using registry = await startRegistry({ registry: place, deletes: false });
    assert.equal(registry.registry, place);
    await fetch(`${registry.url}/v2/a/blobs/uploads/?digest=sha256:${emptySha256}`, { method: 'POST' });
    const names: string[] = [];
    for await (const name of place.repositories()) names.push(name);
    assert.deepEqual(names, ['a']);
    const target = `${registry.url}/v2/a/blobs/sha256:${emptySha256}`;
    assert.equal((await fetch(target, { method: 'DELETE' })).status, 405);
  });

  it('a registry for a test takes the given port', async () => {
    const first = await startRegistry();
    const port = Number(first.host.slice(first.host.indexOf(':') + 1));
    await assert.rejects(startRegistry({ port }), { code: 'IN_USE' });
    await first.close();
    await using second = await startRegistry({ port, host: '127.0.0.1' });
    assert.equal(second.host, first.host);
  });
});

const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
