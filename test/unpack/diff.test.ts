import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { diffImages } from '../../src/image/diff-images.ts';
import { createLayer } from '../../src/image/layer.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { gantry } from '../cli/gantry.ts';
import { store } from '../cli/images.ts';
import { dir, hard, type Item, imageOf, layerOf, symlink } from './stage.ts';

const base: readonly Item[] = [
  ['etc', dir],
  ['etc/same', 'same'],
  ['etc/content', 'old text'],
  ['etc/size', 'old'],
  ['etc/mode', { mode: 0o644 }],
  ['etc/owner', { uid: 1 }],
  ['etc/target', symlink('a')],
  ['etc/type', 'a file'],
  ['etc/time', { mtime: 1 }],
  ['etc/gone', 'gone'],
  ['etc/link', hard('etc/same')],
];
const changed: readonly Item[] = [
  ['etc', dir],
  ['etc/.wh.gone'],
  ['etc/content', 'new text'],
  ['etc/size', 'newer'],
  ['etc/mode', { mode: 0o600 }],
  ['etc/owner', { uid: 2 }],
  ['etc/target', symlink('b')],
  ['etc/type', symlink('same')],
  ['etc/time', { mtime: 2 }],
  ['etc/added', 'added'],
];

describe('gantry diff', () => {
  it('T53: diff counts added, changed and deleted files, with their sizes and the parts that differ', async () => {
    const { isSame, files, layers } = await diffImages(await imageOf(base), await imageOf(base, changed));
    assert.equal(isSame, false);
    assert.deepEqual(files, [
      { kind: 'added', path: 'etc/added', after: 5 },
      { kind: 'changed', path: 'etc/content', before: 8, after: 8, parts: ['content'] },
      { kind: 'deleted', path: 'etc/gone', before: 4 },
      { kind: 'changed', path: 'etc/mode', before: 0, after: 0, parts: ['mode'] },
      { kind: 'changed', path: 'etc/owner', before: 0, after: 0, parts: ['owner'] },
      { kind: 'changed', path: 'etc/size', before: 3, after: 5, parts: ['content'] },
      { kind: 'changed', path: 'etc/target', before: 0, after: 0, parts: ['target'] },
      { kind: 'changed', path: 'etc/type', before: 6, after: 0, parts: ['type', 'target'] },
    ]);
    assert.deepEqual(
      layers.map(({ kind }) => kind),
      ['same', 'added'],
    );
  });

  it('diff of the same files in other layers finds no difference of files', async () => {
    const cut = base.length - 1;
    const parts = [base.slice(0, 4), [['etc', dir] as Item, ...base.slice(4, cut)], base.slice(cut)];
    const { isSame, files, layers } = await diffImages(await imageOf(base), await imageOf(...parts));
    assert.deepEqual([isSame, files], [false, []]);
    assert.deepEqual(
      layers.map(({ kind }) => kind),
      ['deleted', 'added', 'added', 'added'],
    );
  });

  it('diff shows the members of the configs that differ, but not the history', async () => {
    const layer = createLayer(bytesContent(gzipSync(await layerOf(base))));
    const made = (env: string, extra: object, created: string) =>
      createImage({
        config: {
          os: 'linux',
          architecture: 'amd64',
          created,
          config: { Env: [env], User: 'app', ...extra },
        },
        layers: [layer],
      });
    const [before, after] = [
      made('A=1', {}, '2020-01-01T00:00:00Z'),
      made('A=2', { WorkingDir: '/app' }, '2021-01-01T00:00:00Z'),
    ];
    assert.deepEqual((await diffImages(before, after)).config, [
      { member: 'config.Env', before: ['A=1'], after: ['A=2'] },
      { member: 'config.WorkingDir', before: undefined, after: '/app' },
    ]);
  });

  it('gantry diff prints letters, sizes and layers, and fails for differences only with --exit-code', async () => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await imageOf(base));
    await store(registry.registry, 'app', ['2'], await imageOf(base, changed));
    const [one, two] = [`${registry.host}/app:1`, `${registry.host}/app:2`];
    const { code, stdout, stderr } = await gantry(['-v', 'diff', one, two]);
    assert.equal(code, 0, stderr);
    const lines = stdout.split('\n');
    for (const line of [
      'A etc/added 5',
      'C etc/content 8 -> 8 (content)',
      'D etc/gone 4',
      'C etc/mode 0 -> 0 (mode)',
    ]) {
      assert.ok(lines.includes(line), `${line} of ${stdout}`);
    }
    assert.equal(lines.filter((line) => line.startsWith('layer = ')).length, 1);
    // The layer of both is fetched once.
    const [layer] = (await (await imageOf(base)).manifest()).body.layers;
    const asked = stderr
      .split('\n')
      .filter((line) => line.includes('--> GET') && line.includes(layer?.digest ?? ''));
    assert.equal(asked.length, 1);
    assert.equal((await gantry(['diff', '--exit-code', one, two])).code, 1);
    const same = await gantry(['diff', '--exit-code', '--json', one, one]);
    assert.equal(same.code, 0);
    const told: unknown = JSON.parse(same.stdout);
    assert.ok(typeof told === 'object' && told !== null && 'isSame' in told && 'files' in told);
    assert.deepEqual([told.isSame, told.files], [true, []]);
    assert.equal((await gantry(['diff', one, `${registry.host}/app:none`])).code, 3);
  });
});
