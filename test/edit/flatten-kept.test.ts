import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../../src/errors.ts';
import { collect } from '../../src/flow/collect.ts';
import { flatten } from '../../src/image/edit/flatten.ts';
import type { Image } from '../../src/image/image.ts';
import { openFileSystem } from '../../src/image/open-file-system.ts';
import { openImage } from '../../src/image/open-image.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { readTar } from '../../src/tar/read.ts';
import type { TarFileWithBody } from '../../src/tar/write.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { type EntryForm, file, findings, imageOf, put, putIndex, type Stage, stage, tarOf } from './stage.ts';

const dir = (name: string, mode = 0o755): TarFileWithBody => ({ name, type: 'directory', mode });
const link = (name: string, linkname: string): TarFileWithBody => ({ name, type: 'link', linkname });
const symlink = (name: string, linkname: string): TarFileWithBody => ({ name, type: 'symlink', linkname });

/** Describes every name of an image: its attributes, its content, and its other names. */
async function filesOf(image: Image): Promise<ReadonlyMap<string, string>> {
  const files = await openFileSystem(image);
  const names = new Map<string, string[]>();
  const found: [path: string, of: string, attributes: string][] = [];
  for await (const { path, layer: _, linkname, body, ...attributes } of files.files()) {
    const of = attributes.type === 'link' ? (linkname ?? '') : path;
    names.set(of, [...(names.get(of) ?? []), path]);
    const content = Buffer.from(await collect(body, { limit: 1000, what: path })).toString();
    const own = attributes.type === 'link' ? {} : { ...attributes, linkname, content };
    found.push([path, of, JSON.stringify(own)]);
  }
  const first = new Map(found.map(([path, , attributes]) => [path, attributes]));
  return new Map(
    found
      .map(([path, of]): [string, string] => [
        path,
        `${first.get(of)} ${(names.get(of) ?? []).sort().join()}`,
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

async function imageIn(layers: readonly (readonly TarFileWithBody[])[]): Promise<Image> {
  const registry = createMemoryRegistry();
  const tars = await Promise.all(layers.map((entries) => tarOf(...entries)));
  const stored = imageOf({ layers: tars });
  await put({ registry: { registry } }, 'app', stored);
  return openImage(registry.repository('app'), stored.manifest);
}

/** Returns the names in the layer that the flattening made. */
async function namesIn(image: Image): Promise<readonly string[]> {
  const layer = (await image.layers()).at(-1);
  assert.ok(layer !== undefined);
  const names: string[] = [];
  for await (const { name } of readTar(layer.uncompressed().open())) names.push(name);
  return names;
}

const part = fc.constantFrom('a', 'b', 'c');
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const target = fc.tuple(fc.constantFrom('', '/', '../'), path).map(([up, name]) => `${up}${name}`);
const text = fc.constantFrom('', 'x', 'yy');
const entry: fc.Arbitrary<TarFileWithBody> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(path, text).map(([name, content]) => file(name, content)) },
  {
    weight: 4,
    arbitrary: fc.tuple(path, fc.constantFrom(0o755, 0o700)).map(([name, mode]) => dir(name, mode)),
  },
  { weight: 1, arbitrary: fc.tuple(path, target).map(([name, to]) => symlink(name, to)) },
  { weight: 2, arbitrary: fc.tuple(path, path).map(([name, to]) => link(name, to)) },
  { weight: 3, arbitrary: path.map((name) => file(name.replace(/[^/]+$/, '.wh.$&'), '')) },
  { weight: 1, arbitrary: path.map((name) => file(`${name}/.wh..wh..opq`, '')) },
);
const layer = fc.uniqueArray(entry, { maxLength: 6, selector: ({ name }) => name });

describe('flattening the layers above a base', () => {
  // id: flatten-kept-files
  it('The files of an image are the same before and after, whatever its layers change', async () => {
    let whole = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(layer, { minLength: 3, maxLength: 5 }),
        fc.integer({ min: 0, max: 2 }),
        async (layers, keep) => {
          const image = await imageIn(layers);
          const before = await filesOf(image).catch((error: unknown) => {
            // A layer that cannot be applied is refused.
            assert.ok(isGantryError(error, 'MANIFEST_INVALID'), String(error));
            return undefined;
          });
          if (before === undefined) return;
          whole++;
          const flat = flatten(image, { keep });
          assert.deepEqual([...(await filesOf(flat))], [...before]);
          const [old, young] = [await image.manifest(), await flat.manifest()];
          const count = layers.length > keep + 1 || keep === 0 ? keep + 1 : layers.length;
          assert.equal(young.body.layers.length, count);
          assert.deepEqual(young.body.layers.slice(0, keep), old.body.layers.slice(0, keep));
          const names = await namesIn(flat);
          assert.equal(new Set(names).size, names.length, names.join());
        },
      ),
      { numRuns: Number(process.env['GANTRY_FUZZ_RUNS'] ?? 200) },
    );
    assert.ok(whole > 20, String(whole));
  });

  for (const [title, layers, names] of [
    [
      'a file deleted from the base is a whiteout, and one that comes and goes above leaves nothing',
      [
        [dir('d'), file('d/a', '1')],
        [file('b', '1')],
        [file('d/.wh.a', ''), file('.wh.b', ''), file('c', '1')],
      ],
      ['d/.wh.a', 'c'],
    ],
    [
      'a directory of the base that was emptied and filled again has whiteouts for its old content only',
      [[dir('d'), file('d/a', '1'), file('d/b', '1')], [file('d/.wh..wh..opq', ''), file('d/b', '2')], []],
      ['d/.wh.a', 'd/b'],
    ],
    [
      'a directory of the base that became a file is replaced without whiteouts',
      [[dir('d'), file('d/a', '1')], [file('.wh.d', '')], [file('d', '1')]],
      ['d'],
    ],
    [
      'a new name of a file of the base is a hard link to it',
      [[file('a', '1')], [link('b', 'a')], [link('c', 'b')]],
      ['b', 'c'],
    ],
    [
      'a file of the base whose old name went away is written again',
      [[file('a', '1')], [link('b', 'a')], [file('.wh.a', '')]],
      ['.wh.a', 'b'],
    ],
    [
      'a directory of the base with another mode keeps its content',
      [[dir('d'), file('d/a', '1')], [dir('d', 0o700)], [file('x', '1')]],
      ['d/', 'x'],
    ],
  ] as const) {
    it(title, async () => {
      const image = await imageIn(layers);
      const flat = flatten(image, { keep: 1 });
      assert.deepEqual(await namesIn(flat), names);
      assert.deepEqual([...(await filesOf(flat))], [...(await filesOf(image))]);
    });
  }

  it('The kept layers keep their history, and the merged one has the rest as its comment', async (test) => {
    const { at, app } = await based(test);
    await at.client.flatten(app, { keep: 1 });
    const { history, rootfs } = await (await at.client.getImage(app)).config();
    assert.deepEqual(
      history?.map(({ created_by = '' }) => created_by.replace(/sha256:.*/, '…')),
      ['base', 'env', 'gantry flatten …'],
    );
    const merged: readonly { readonly created_by: string }[] = JSON.parse(history?.[2]?.comment ?? '[]');
    assert.deepEqual(
      merged.map(({ created_by }) => created_by),
      ['one', 'two'],
    );
    assert.equal(rootfs.diff_ids.length, 2);
    assert.deepEqual(await findings(at, app), []);
  });

  // id: flatten-keep-base
  it('--keep N, --base IMAGE and --keep-base give the same result, and the layers of the base are not sent', async (test) => {
    const { at, app, base } = await based(test);
    const run = async (...words: readonly string[]): Promise<string> => {
      const ended = await gantry(['flatten', ...words, app, '-t', `${at.host}/flat:1`]);
      assert.equal(ended.code, 0, ended.stderr);
      return ended.stdout;
    };
    const results = [await run('--keep', '1'), await run('--base', base), await run('--keep-base')];
    assert.equal(new Set(results).size, 1);
    const { body } = await at.client.getManifest(`${at.host}/flat:1`);
    const { body: before } = await at.client.getManifest(base);
    assert.ok(body.kind === 'image' && before.kind === 'image');
    assert.equal(body.layers.length, 2);
    assert.deepEqual(body.layers[0], before.layers[0]);
  });

  it('An image with one layer above the kept ones stays as it is', async (test) => {
    const { at, app } = await based(test);
    const { digest } = await at.client.getDescriptor(app);
    for (const keep of [2, 3, 9])
      assert.equal((await at.client.flatten(app, { keep })).descriptor.digest, digest);
  });

  it('A wrong base and contradicting options are refused', async (test) => {
    const { at, app } = await based(test);
    await put(at, 'else', imageOf({ layers: [await tarOf(file('else', ''))] }));
    await failsWith(at.client.flatten(app, { base: `${at.host}/else:1` }), 'MANIFEST_INVALID');
    await failsWith(at.client.flatten(`${at.host}/else:1`, { keepBase: true }), 'INVALID_OPTION');
    for (const words of [
      ['--keep', '1', '--keep-base'],
      ['--keep', 'one'],
      ['--keep', '1', '--base', app],
    ])
      assert.equal((await gantry(['flatten', ...words, app])).code, 2);
  });

  it('Every image of an index keeps the layers of its own base', async (test) => {
    const at = await stage(test);
    const platforms = ['amd64', 'arm64'];
    await putIndex(at, 'base', await Promise.all(platforms.map((one) => make(one))));
    await putIndex(at, 'app', await Promise.all(platforms.map((one) => make(one, 'x', 'y'))));
    const app = `${at.host}/app:1`;
    await at.client.flatten(app, { base: `${at.host}/base:1` });
    for (const platform of platforms) {
      const image = await at.client.getImage(app, { platform: `linux/${platform}` });
      assert.equal((await image.layers()).length, 2);
      assert.deepEqual(await namesIn(image), ['x', 'y']);
    }
    assert.deepEqual(await findings(at, app), []);
  });
});

/** An image for an architecture on a base layer for it, with more layers. */
async function make(architecture: string, ...more: readonly string[]): Promise<EntryForm> {
  const layers = [
    await tarOf(file('base', architecture)),
    ...(await Promise.all(more.map((name) => tarOf(file(name, name))))),
  ];
  const entry = { platform: { os: 'linux', architecture } };
  return { image: imageOf({ layers, config: { architecture } }), entry };
}

interface Based {
  readonly at: Stage;
  readonly app: string;
  readonly base: string;
}

/** An image with two layers above a base that its annotations name. */
async function based(test: Parameters<typeof stage>[0]): Promise<Based> {
  const at = await stage(test);
  const layers = await Promise.all(['a', 'b', 'c'].map((name) => tarOf(file(name, name))));
  const base = await put(at, 'base', imageOf({ layers: layers.slice(0, 1) }));
  const history = [
    { created_by: 'base' },
    { created_by: 'env', empty_layer: true },
    { created_by: 'one' },
    { created_by: 'two' },
  ];
  const annotations = {
    'org.opencontainers.image.base.name': `${at.host}/base:1`,
    'org.opencontainers.image.base.digest': base.digest,
  };
  await put(at, 'app', imageOf({ layers, config: { history }, manifest: { annotations } }));
  return { at, app: `${at.host}/app:1`, base: `${at.host}/base:1` };
}
