import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blobOf, emptyConfig, failsWith, giveImage, indexOf } from '../../src/testing/contract/sample.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { answering, host, kindsOf, wire } from './wire.ts';

/** Questions of the seed's client, and its mistakes. */

const name = `${host}/app:1`;

describe('inspecting and reading', () => {
  // id: exists-by-head
  it('whether an image, a blob or a descriptor is there is one HEAD each', async () => {
    const wired = wire();
    const client = wired.client();
    const { descriptor } = await giveImage(wired.at().repository('app'), {}, '1');
    assert.deepEqual(await client.getDescriptor(name), descriptor);
    assert.deepEqual(kindsOf(wired.take()), ['manifest.head']);
    assert.equal(await client.exists(name), true);
    assert.deepEqual(kindsOf(wired.take()), ['manifest.head']);
    assert.equal(await client.exists(`${host}/app:2`), false);
    assert.deepEqual(kindsOf(wired.take()), ['manifest.head']);
    assert.equal(await client.blobExists(`${host}/app`, emptyConfig.descriptor.digest), true);
    assert.deepEqual(kindsOf(wired.take()), ['blob.head']);
    assert.equal(await client.blobExists(`${host}/app`, blobOf('none').descriptor.digest), false);
    assert.deepEqual(kindsOf(wired.take()), ['blob.head']);
    // No request asks for the right to push.
    assert.ok(wired.asked.every(({ scopes }) => scopes.join() === 'repository:app:pull'));
  });

  for (const [what, body] of [
    ['no body', undefined],
    ['a web page', '<html>404</html>'],
    ['no code that is known', '{"errors":[{"code":"NOPE"}]}'],
    ['MANIFEST_UNKNOWN', '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'],
  ] as const) {
    // id: missing-manifest-404
    it(`a missing manifest is MANIFEST_UNKNOWN when the registry answers 404 with ${what}`, async () => {
      const bytes = new TextEncoder().encode(body ?? '');
      const gone = async (): Promise<HttpResponse> => answer(404, {}, bytes);
      const wired = wire(answering(['manifest.head', 'manifest.get'], gone));
      const client = wired.client();
      await failsWith(client.inspect(name), 'MANIFEST_UNKNOWN');
      await failsWith(client.getDescriptor(name), 'MANIFEST_UNKNOWN');
      assert.equal(await client.exists(name), false);
    });
  }

  // id: inspect-index-requests
  it('inspecting an index fetches an image for the labels, which may be missing, as may every platform', async () => {
    const wired = wire();
    const client = wired.client();
    const place = wired.at().repository('app');
    const bare = await giveImage(place, { layers: [blobOf('a')] });
    const lost = { ...blobOf('lost').descriptor, mediaType: bare.descriptor.mediaType };
    await place.manifests.put(indexOf([bare.descriptor]), { tags: ['1'] });
    assert.equal((await client.inspect(name)).manifests?.[0]?.platform, undefined);
    assert.deepEqual(kindsOf(wired.take()), ['manifest.get', 'manifest.get', 'blob.get']);
    for (const children of [[], [lost], [lost, bare.descriptor]]) {
      await place.manifests.put(indexOf(children), { tags: ['1'] });
      const told = await client.inspect(name);
      assert.deepEqual([told.kind, told.manifests?.length, told.labels], ['index', children.length, {}]);
    }
  });
});
