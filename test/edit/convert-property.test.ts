import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { copyImage } from '../../src/copy/copy.ts';
import { convertImage } from '../../src/image/edit/convert.ts';
import { recompress } from '../../src/image/edit/recompress.ts';
import type { Image } from '../../src/image/image.ts';
import { openImage } from '../../src/image/open-image.ts';
import { imageSource } from '../../src/image/source.ts';
import { validate } from '../../src/image/validate.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { zstdStored } from '../zstd.ts';
import { file, type ImageForm, imageOf, put, tarOf } from './stage.ts';

type Conversion = readonly [name: string, change: (image: Image) => Image];

const conversions: readonly Conversion[] = [
  ['oci', (image) => convertImage(image, 'oci')],
  ['docker', (image) => convertImage(recompress(image, { compression: 'gzip' }), 'docker')],
  ['gzip', (image) => recompress(image, { compression: 'gzip', level: 1 })],
  ['none', (image) => recompress(image, { compression: 'none' })],
  ['edit', (image) => image.withAnnotations({ a: '1' })],
];

const forms: readonly Partial<ImageForm>[] = [
  { family: 'docker' },
  { family: 'oci' },
  { pack: (tar) => tar, layer: { mediaType: MediaType.ociLayer } },
  { pack: zstdStored, layer: { mediaType: MediaType.ociLayerZstd } },
  // The media type does not say the truth.
  { pack: zstdStored },
];

describe('any sequence of conversions', () => {
  it('keeps the config and the tars of an image, and the image valid', async () => {
    const layers = [await tarOf(file('a', 'one')), await tarOf(file('b', 'x'.repeat(200_000)))];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...forms),
        fc.array(fc.constantFrom(...conversions), { minLength: 1, maxLength: 5 }),
        async (form, changes) => {
          const registry = createMemoryRegistry();
          const base = imageOf({ layers, ...form });
          await put({ registry: { registry } }, 'app', base);
          const repository = registry.repository('app', { actions: ['pull', 'push'] });
          const begin = openImage(repository, base.manifest);
          const view = changes.reduce((image, [, change]) => change(image), begin);
          const source = await imageSource(view);
          await copyImage(source.repository, source.root.digest, repository, { tags: ['2'] });
          const manifest = await repository.manifests.get('2');
          const made = openImage(repository, manifest);
          assert.deepEqual(await made.rawConfig(), await begin.rawConfig());
          const isTrue = changes.some(([name]) => name === 'gzip' || name === 'none' || name === 'docker');
          for await (const { message } of validate(repository, manifest))
            if (isTrue || form !== forms.at(-1)) assert.fail(message);
        },
      ),
      { numRuns: 60 },
    );
  });
});
