import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../../src/flow/hash.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, give } from '../../src/testing/contract/sample.ts';
import type { refuse } from './habits.ts';
import { encode, imageOf, layerOf, puts } from './images.ts';
import { answering, host, kindsOf, wire } from './wire.ts';

describe('a tag', () => {
  // id: tag-requests
  it('tagging requests the manifest once, and sends nothing else', async () => {
    const wired = wire();
    const client = wired.client();
    const { digest } = await client.pushImage(`${host}/app:1`, imageOf('amd64', layerOf('a')));
    wired.take();
    assert.equal((await client.tag(`${host}/app:1`, 'latest')).digest, digest);
    const asked = wired.take();
    assert.deepEqual(kindsOf(asked), ['manifest.get', 'manifest.put']);
    assert.deepEqual(puts(asked), ['latest']);
    // One token serves both.
    assert.deepEqual(
      asked.map(({ scopes }) => scopes),
      [['repository:app:pull,push'], ['repository:app:pull,push']],
    );
  });

  // id: several-tags
  it('several tags take one request if the registry supports that, else one each', async () => {
    for (const knows of [true, false]) {
      const wired = wire(
        answering(['manifest.put'], (request, next) =>
          knows ? undefined : next({ ...request, url: request.url.replace(/\?.*/, '') }).then(untold),
        ),
      );
      const client = wired.client();
      await client.pushImage(`${host}/app:1`, imageOf('amd64', layerOf('a')));
      wired.take();
      const tags = ['a', 'b', 'c'];
      const { digest } = await client.tag(`${host}/app:1`, tags);
      const place = wired.at().repository('app');
      for (const tag of tags) assert.equal((await place.manifests.resolve(tag))?.digest, digest);
      const together = `${digest}?tag=a&tag=b&tag=c`;
      assert.deepEqual(puts(wired.take()), knows ? [together] : [together, ...tags]);
    }
  });
});

const untold = ({ headers, ...rest }: Awaited<ReturnType<typeof refuse>>) => {
  const { 'oci-tag': _, ...others } = headers;
  return { ...rest, headers: others };
};

describe('a manifest alone', () => {
  // id: raw-manifest-type
  it('a manifest goes with its own type, or else with the type of its shape', async () => {
    const wired = wire();
    const client = wired.client();
    const config = blobOf('{}');
    await give(wired.at().repository('app'), config);
    const body = {
      schemaVersion: 2,
      config: { ...config.descriptor, mediaType: MediaType.ociConfig },
      layers: [],
    };
    for (const [fields, type] of [
      [{ ...body, mediaType: MediaType.dockerManifest }, MediaType.dockerManifest],
      [body, MediaType.ociManifest],
      [{ schemaVersion: 2, manifests: [] }, MediaType.ociIndex],
    ] as const) {
      const bytes = encode(JSON.stringify(fields));
      const manifest = parseManifest(bytes, { digest: digestOf(bytes) });
      await client.putManifest(`${host}/app:1`, manifest);
      const [put, ...rest] = wired.take();
      assert.deepEqual([put?.kind, put?.headers['content-type'], rest], ['manifest.put', [type], []]);
    }
  });
});
