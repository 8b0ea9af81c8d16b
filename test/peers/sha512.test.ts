import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { blobOf, emptyConfig, give, giveImage, imageOf, listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { needs } from '../peer.ts';

describe('images by sha512 at docker-registry', needs('docker-registry'), () => {
  let distribution: RunningRegistry | undefined;
  before(async () => {
    distribution = await startDistribution();
  });
  after(() => distribution?.[Symbol.asyncDispose]());

  for (const tag of ['', ':one']) {
    it(`sha512-kept-as-sha256: a copy to ${tag === '' ? 'the digest' : 'a tag'} fails, and sets no tag`, async () => {
      await using source = await startRegistry();
      await using client = createClient();
      const place = source.registry.repository('acme/app');
      const manifest = imageOf({ algorithm: 'sha512' });
      await give(place, emptyConfig);
      await place.manifests.put(manifest);
      const { digest } = manifest.descriptor;
      const target = `${distribution?.host}/acme/copied`;
      const to = tag === '' ? `${target}@${digest}` : `${target}${tag}`;
      const error: unknown = await client.copy(`${source.host}/acme/app@${digest}`, to).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(isGantryError(error), String(error));
      assert.match(JSON.stringify(error), /"UNSUPPORTED"/);
      assert.deepEqual(await listOf(client.tags(target)).catch(() => []), []);
    });
  }

  it('sha512-kept-as-sha256: blobs by sha512 are kept below a manifest by sha256', async () => {
    await using source = await startRegistry();
    await using client = createClient();
    const layer = blobOf('a layer', 'sha512');
    await giveImage(source.registry.repository('acme/app'), { layers: [layer] }, 'one');
    const target = `${distribution?.host}/acme/mixed:one`;
    const { digest } = await client.copy(`${source.host}/acme/app:one`, target);
    assert.equal((await client.getDescriptor(target)).digest, digest);
  });
});
