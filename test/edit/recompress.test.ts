import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseOtherDiffIds } from '../../src/image/edit/manifest-edit.ts';
import { recompress } from '../../src/image/edit/recompress.ts';
import { openFileSystem } from '../../src/image/open-file-system.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf } from '../../src/testing/contract/sample.ts';
import { file, imageOf, put, stage, tarOf } from './stage.ts';

const tar = await tarOf(file('a', 'a'));
const plain = (bytes: Uint8Array): Uint8Array => bytes;

describe('compressing layers anew', () => {
  it('keeps a layer that has the compression, and one that may not be distributed', async (test) => {
    const at = await stage(test);
    const foreign = imageOf({ layers: [tar], layer: { mediaType: MediaType.ociForeignLayerGzip } });
    for (const stored of [imageOf({ layers: [tar] }), foreign]) {
      const { digest } = await put(at, 'app', stored);
      const same = recompress(await at.client.getImage(`${at.host}/app:1`), {
        compression: 'gzip',
        level: 9,
      });
      assert.equal((await same.manifest()).descriptor.digest, digest);
    }
  });

  it('corrects the type of a layer whose bytes have the compression already, and reads nothing more', async (test) => {
    const at = await stage(test);
    await put(at, 'app', imageOf({ layers: [tar], pack: plain }));
    const image = recompress(await at.client.getImage(`${at.host}/app:1`), { compression: 'none' });
    const [layer] = (await image.manifest()).body.layers;
    assert.deepEqual([layer?.mediaType, layer?.digest], [MediaType.ociLayer, blobOf(tar).descriptor.digest]);
  });

  for (const [what, form, compression, code] of [
    ['zstd in a docker image', { family: 'docker' }, 'zstd', 'UNSUPPORTED'],
    ['a layer that is no tar by its type', { layer: { mediaType: 'application/x' } }, 'none', 'UNSUPPORTED'],
    [
      'a tar that is not the one of the config',
      { pack: () => blobOf('other').bytes },
      'gzip',
      'DIGEST_INVALID',
    ],
  ] as const) {
    it(`fails with ${code} for ${what}, when the view is read`, async (test) => {
      const at = await stage(test);
      await put(at, 'app', imageOf({ layers: [tar], ...form }));
      const image = recompress(await at.client.getImage(`${at.host}/app:1`), { compression });
      await assert.rejects(async () => image.manifest(), { code });
    });
  }
});

it('The file system of an image with a layer of an unknown type is UNSUPPORTED, with the place of the layer.', async (test) => {
  const at = await stage(test);
  await put(at, 'app', imageOf({ layers: [tar, tar], layer: { mediaType: 'application/x' } }));
  const image = await at.client.getImage(`${at.host}/app:1`);
  await assert.rejects(openFileSystem(image), {
    code: 'UNSUPPORTED',
    message: /layer 1 of .*application\/x/,
  });
});

it('An edited manifest whose layers are not those of its config is MANIFEST_INVALID, with the first that differs.', async (test) => {
  const at = await stage(test);
  const [one, two] = [await tarOf(file('a', 'one')), await tarOf(file('a', 'two'))];
  const [before, other] = [imageOf({ layers: [tar, one] }), imageOf({ layers: [tar, two] })];
  const layersOf = ({ manifest: { body } }: typeof before) => (body.kind === 'image' ? body.layers : []);
  const swapped = imageOf({ layers: [tar, one], manifest: { layers: layersOf(other) } });
  const short = imageOf({ layers: [tar, one], manifest: { layers: layersOf(other).slice(0, 1) } });
  for (const [name, stored] of Object.entries({ before, other, swapped, short }))
    await put(at, 'app', stored, [name]);
  const image = (tag: string) => at.client.getImage(`${at.host}/app:${tag}`);
  await refuseOtherDiffIds(await image('before'), await image('other'));
  for (const [tag, words] of [
    ['swapped', /layer 1 is sha256:.* and its config names sha256:/],
    ['short', /has 1 layers, and its config names 2/],
  ] as const)
    await assert.rejects(refuseOtherDiffIds(await image('before'), await image(tag)), {
      code: 'MANIFEST_INVALID',
      message: words,
    });
});
