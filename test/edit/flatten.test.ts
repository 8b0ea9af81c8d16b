import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTar } from '../../src/tar/read.ts';
import {
  attestationOf,
  configOf,
  file,
  findings,
  imageOf,
  put,
  putIndex,
  type Stage,
  stage,
  tarOf,
} from './stage.ts';

async function twoLayers(family: 'oci' | 'docker' = 'oci') {
  const lower = await tarOf({ name: 'a/', type: 'directory' }, file('a/x', 'x'), file('a/y', 'y'));
  const upper = await tarOf(file('a/.wh.x', ''), file('a/z', 'z'));
  return imageOf({ family, layers: [lower, upper], manifest: { annotations: { k: 'v' } } });
}

async function flatAt({ client, host }: Stage, name: string) {
  const image = await client.getImage(`${host}/${name}`);
  const { body, descriptor } = await image.manifest();
  const [layer, ...others] = await image.layers();
  assert.ok(layer !== undefined);
  assert.deepEqual(others, []);
  const names: string[] = [];
  for await (const entry of readTar(layer.uncompressed().open())) names.push(entry.name);
  return { body, names, digest: descriptor.digest };
}

describe('flattening an image', () => {
  // id: T25
  it('The layers become one without whiteouts, of the same family, with one entry in the history.', async (test) => {
    const at = await stage(test);
    for (const family of ['oci', 'docker'] as const) {
      await put(at, family, await twoLayers(family));
      await at.client.flatten(`${at.host}/${family}:1`, { to: `${at.host}/${family}:flat` });
      const { body, names } = await flatAt(at, `${family}:flat`);
      assert.deepEqual(names, ['a/', 'a/y', 'a/z']);
      const types = [body.mediaType, body.config.mediaType, body.layers[0]?.mediaType];
      for (const type of types) assert.equal(type?.includes('docker'), family === 'docker', type);
      assert.deepEqual(body.annotations, { k: 'v' });
      const { history, rootfs } = await configOf(at, `${at.host}/${family}:flat`);
      assert.deepEqual([Object(history).length, Object(rootfs?.['diff_ids']).length], [1, 1]);
      assert.deepEqual(await findings(at, `${at.host}/${family}:flat`), []);
    }
  });

  // id: T26
  it('The same image gives the same digest twice, also if its layers were compressed anew.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', await twoLayers());
    const first = await at.client.flatten(`${at.host}/app:1`, { to: `${at.host}/app:a` });
    const second = await at.client.flatten(`${at.host}/app:1`, { to: `${at.host}/app:b` });
    assert.equal(first.descriptor.digest, second.descriptor.digest);
  });

  // id: T27
  it('A source by digest with a destination gets the tag of the destination.', async (test) => {
    const at = await stage(test);
    const { digest } = await put(at, 'app', await twoLayers());
    const { descriptor } = await at.client.flatten(`${at.host}/app@${digest}`, { to: `${at.host}/app:flat` });
    assert.equal((await at.client.getDescriptor(`${at.host}/app:flat`)).digest, descriptor.digest);
  });

  // id: T28
  it('Every image of an index is flattened, its attestation is dropped, and no artifactType appears.', async (test) => {
    const at = await stage(test);
    const image = await twoLayers();
    const entry = { platform: { os: 'linux', architecture: 'amd64' } };
    await putIndex(at, 'index', [{ image, entry }, attestationOf(image)], { annotations: { i: '1' } });
    await at.client.flatten(`${at.host}/index:1`);
    const { body } = await at.client.getManifest(`${at.host}/index:1`);
    assert.ok(body.kind === 'index');
    assert.deepEqual([body.manifests.length, body.annotations], [1, { i: '1' }]);
    assert.equal(body.manifests[0]?.artifactType, undefined);
    assert.deepEqual((await flatAt(at, `index@${body.manifests[0]?.digest}`)).names, ['a/', 'a/y', 'a/z']);
    assert.deepEqual(await findings(at, `${at.host}/index:1`), []);
  });

  it('Each layer of a registry is downloaded once.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', await twoLayers());
    await at.client.flatten(`${at.host}/app:1`, { to: `${at.host}/app:flat` });
    const { body } = await at.client.getManifest(`${at.host}/app:1`);
    assert.ok(body.kind === 'image');
    for (const { digest } of body.layers) {
      const reads = at.registry.requests.filter(
        ({ method, url }) => method === 'GET' && url.endsWith(digest),
      );
      assert.equal(reads.length, 1);
    }
  });
});
