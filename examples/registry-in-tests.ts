import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient, createImage, isGantryError } from '../src/index.ts';
import { type Fault, startRegistry } from '../src/testing/index.ts';

/**
 * Shows tests for code that talks to a registry: each test starts its own registry, scripts its faults, and checks the
 * requests that arrived. Other projects import from `gantry` and `gantry/testing`.
 */

const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });

test('a push waits as long as the registry asks for, and goes on', async () => {
  const busy: Fault = {
    when: { operation: 'manifest.put' },
    effect: { status: 429, headers: { 'retry-after': '0' } },
    times: 2,
  };
  await using registry = await startRegistry({ faults: [busy] });
  await using client = createClient();
  await client.pushImage(`${registry.host}/app:1`, image);

  const puts = registry.requests.filter(({ operation }) => operation?.kind === 'manifest.put');
  assert.deepEqual(
    puts.map(({ status }) => status),
    [429, 429, 201],
  );
});

test('a pull goes on where the connection broke', async () => {
  const cut: Fault = { when: { operation: 'blob.get' }, effect: { cut: { of: 'answer', after: 10 } } };
  await using registry = await startRegistry({ faults: [cut] });
  await using client = createClient({ retry: { downloads: { initial: 0 } } });
  const reference = `${registry.host}/app:1`;
  await client.pushImage(reference, image);
  assert.ok((await client.getConfig(reference)).byteLength > 10);

  const [first, second] = registry.requests.filter(({ operation }) => operation?.kind === 'blob.get');
  assert.equal(first?.headers['range'], undefined);
  assert.deepEqual(second?.headers['range'], ['bytes=10-']);
});

test('a registry that is down is told from an image that is not there', async () => {
  const down: Fault = { effect: { status: 503 }, times: 'always' };
  await using registry = await startRegistry({ faults: [down] });
  await using client = createClient({ retry: { attempts: 1 } });
  const found = await client.exists(`${registry.host}/app:1`).catch((error: unknown) => error);
  assert.ok(isGantryError(found, 'UNEXPECTED_STATUS'));
});

test('the registry behind the protocol can be filled and looked into', async () => {
  await using registry = await startRegistry();
  await using client = createClient();
  await client.pushImage(`${registry.host}/acme/app:1`, image);
  const inside = registry.registry.repository('acme/app');
  assert.equal((await inside.manifests.resolve('1'))?.digest, (await image.manifest()).descriptor.digest);
});
