import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { copyImage } from '../../src/copy/copy.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { editFile } from '../../src/image/edit/file-edit.ts';
import { flatten } from '../../src/image/edit/flatten.ts';
import { rebase } from '../../src/image/edit/rebase.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer, type Layer } from '../../src/image/layer.ts';
import { openImage } from '../../src/image/open-image.ts';
import { imageSource } from '../../src/image/source.ts';
import { validate } from '../../src/image/validate.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { file, imageOf, put, tarOf } from './stage.ts';

type Edit = (image: Image) => Image | Promise<Image>;

const word = fc.constantFrom('a', 'b', '__proto__', 'PATH', '<&>', 'é');
const value = fc.option(fc.string({ maxLength: 5 }), { nil: null });
const words = fc.option(fc.array(fc.string({ maxLength: 3 }), { maxLength: 2 }), { nil: null });
const map = fc.dictionary(word, value, { maxKeys: 3 });

/** One change of an image. */
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ env: map, labels: map }).map(
    (change): Edit =>
      (image) =>
        image.withConfig(change),
  ),
  fc
    .record({ entrypoint: words, cmd: words, user: value, shell: words, author: value }, { requiredKeys: [] })
    .map(
      (change): Edit =>
        (image) =>
          image.withConfig(change),
    ),
  fc.array(fc.constantFrom('80', '81/udp', '82/tcp'), { maxLength: 3 }).map(
    (exposedPorts): Edit =>
      (image) =>
        image.withConfig({ exposedPorts }),
  ),
  map.map(
    (annotations): Edit =>
      (image) =>
        image.withAnnotations(annotations),
  ),
  fc.constantFrom('linux/arm64', 'linux/arm/v7').map(
    (platform): Edit =>
      (image) =>
        image.withPlatform(platform),
  ),
  fc.constantFrom('1970-01-01T00:00:00Z', null).map(
    (created): Edit =>
      (image) =>
        image.withCreated(created),
  ),
  fc.nat({ max: 3 }).map(
    (number): Edit =>
      (image) =>
        image.withLayers([layers[number] ?? assert.fail()]),
  ),
  fc.nat({ max: 3 }).map(
    (number): Edit =>
      (image) =>
        image.withoutLayers((_, at) => at === number),
  ),
  fc.constantFrom<Edit>((image) => flatten(image), onAnotherBase),
  fc.constantFrom('a', 'etc/new').map(
    (path): Edit =>
      (image) =>
        editFile(image, path, async (before) => new Uint8Array([...(before ?? []), 1])),
  ),
);

/** Puts all layers of an image on a base of one layer. */
async function onAnotherBase(image: Image): Promise<Image> {
  const { os, architecture } = await image.config();
  const base = (...below: readonly Layer[]): Image =>
    createImage({ config: { os, architecture }, layers: below });
  return rebase(image, { from: base(), to: base(layers[0] ?? assert.fail()) });
}

const tars = await Promise.all(['p', 'q', 'r', 's'].map((name) => tarOf(file(name, name))));
const layers = tars.map((tar) => createLayer(bytesContent(tar), { mediaType: MediaType.ociLayer }));

const unknown = { 'vnd.acme.b': [1, { x: null }], 'vnd.acme.a': '\u003c' };

describe('any sequence of changes', () => {
  it('keeps an image valid, and all members that gantry does not know', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<'oci' | 'docker'>('oci', 'docker'),
        fc.array(edit, { maxLength: 6 }),
        async (family, edits) => {
          const registry = createMemoryRegistry();
          const config = { ...unknown, config: { Env: ['PATH=/bin'], StopTimeout: 1 } };
          const base = imageOf({
            family,
            layers: [await tarOf(file('a', 'one'))],
            config,
            manifest: unknown,
          });
          await put({ registry: { registry } }, 'app', base);
          const repository = registry.repository('app', { actions: ['pull', 'push'] });
          let view: Image = openImage(repository, base.manifest);
          for (const change of edits) view = await change(view);
          const source = await imageSource(view);
          await copyImage(source.repository, source.root.digest, repository, { tags: ['2'] });
          const manifest = await repository.manifests.get('2');
          for await (const { message } of validate(repository, manifest)) assert.fail(message);
          const documents = [manifest.bytes, await view.rawConfig()];
          for (const bytes of documents) {
            const document: Record<string, unknown> = JSON.parse(new TextDecoder().decode(bytes));
            for (const [key, kept] of Object.entries(unknown)) assert.deepEqual(document[key], kept);
          }
          const { body } = await view.manifest();
          for (const { mediaType } of [body.config, ...body.layers])
            assert.equal(mediaType.includes('docker'), family === 'docker');
        },
      ),
      { numRuns: 60 },
    );
  });
});
