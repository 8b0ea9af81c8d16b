import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { readTar } from '../../src/tar/read.ts';
import type { TarFileWithBody } from '../../src/tar/write.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { file, findings, imageOf, put, stage, tarOf } from './stage.ts';

const link = (name: string, linkname: string): TarFileWithBody => ({ name, type: 'symlink', linkname });
const hard = (name: string, linkname: string): TarFileWithBody => ({ name, type: 'link', linkname });

/** Removes paths from an image of layers, and returns the names that each remaining layer has. */
async function stripped(
  test: TestContext,
  paths: readonly string[],
  ...layers: readonly (readonly TarFileWithBody[])[]
): Promise<readonly (readonly string[])[]> {
  const at = await stage(test);
  const tars = await Promise.all(layers.map((files) => tarOf(...files)));
  await put(at, 'app', imageOf({ layers: tars }));
  await at.client.convert(`${at.host}/app:1`, { to: `${at.host}/app:2`, stripPaths: paths });
  assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  const names: string[][] = [];
  const image = await at.client.getImage(`${at.host}/app:2`);
  for (const layer of await image.layers()) {
    const own: string[] = [];
    for await (const { name } of readTar(layer.uncompressed().open())) own.push(name);
    names.push(own);
  }
  return names;
}

describe('removing paths from an image with linked folders', () => {
  // id: convert-strip-links
  it('A path through a linked folder removes the file behind it, and the file under any of its names in any layer.', async (test) => {
    const layers = [
      [link('lib', 'usr/lib'), file('usr/lib/key', 'k'), file('usr/lib/a', 'a')],
      [file('lib/key', 'new'), file('lib/b', 'b')],
      [file('usr/lib/.wh.key', ''), file('lib/.wh.key', ''), file('usr/lib/c', 'c')],
    ];
    for (const path of ['/lib/key', 'usr/lib/key'])
      assert.deepEqual(await stripped(test, [path], ...layers), [
        ['lib', 'usr/lib/a'],
        ['lib/b'],
        ['usr/lib/c'],
      ]);
  });

  it('The links count as they are when a layer is applied: a real folder that replaces one is another place.', async (test) => {
    const layers = [
      [link('lib', 'usr/lib'), file('usr/lib/key', 'k'), file('usr/lib/a', 'a')],
      [file('lib/key', 'below usr'), file('lib/a', 'a')],
      [{ name: 'lib/', type: 'directory' }, file('lib/key', 'own'), file('lib/c', 'c')] as const,
    ];
    assert.deepEqual(await stripped(test, ['usr/lib/key'], ...layers), [
      ['lib', 'usr/lib/a'],
      ['lib/a'],
      ['lib/', 'lib/key', 'lib/c'],
    ]);
  });

  it('A link that is itself removed leaves its target, and links within links and upward are followed.', async (test) => {
    const layers = [
      [
        file('data/v2/key', 'k'),
        file('data/v2/a', 'a'),
        link('data/now', 'v2'),
        link('srv/app', '../data/now/.'),
      ],
    ];
    assert.deepEqual(await stripped(test, ['srv/app'], ...layers), [
      ['data/v2/key', 'data/v2/a', 'data/now'],
    ]);
    assert.deepEqual(await stripped(test, ['/srv/app/key'], ...layers), [
      ['data/v2/a', 'data/now', 'srv/app'],
    ]);
  });

  it('A hard link that names a removed file through a linked folder is refused, and a path that is nowhere is an error.', async (test) => {
    const at = await stage(test);
    const files = [link('lib', 'usr/lib'), file('usr/lib/key', 'k'), hard('copy', 'lib/key')];
    await put(at, 'app', imageOf({ layers: [await tarOf(...files)] }));
    const convert = (path: string): Promise<unknown> =>
      at.client.convert(`${at.host}/app:1`, { to: `${at.host}/app:2`, stripPaths: [path] });
    await failsWith(convert('usr/lib/key'), 'UNSUPPORTED');
    await failsWith(convert('lib/none'), 'FILE_UNKNOWN');
    assert.equal(await at.client.exists(`${at.host}/app:2`), false);
  });
});
