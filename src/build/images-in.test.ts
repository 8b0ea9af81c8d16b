import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage, makeIndex } from '../../test/cli/images.ts';
import { createImage } from '../image/create.ts';
import { createIndex } from '../image/create-index.ts';
import { formatPlatform, parsePlatform } from '../spec/platform.ts';
import { baseImages, imagesIn } from './images-in.ts';

async function chosen(
  base: Parameters<typeof baseImages>[0],
  ...wanted: readonly string[]
): Promise<readonly string[]> {
  const platforms = wanted.length === 0 ? undefined : wanted.map(parsePlatform);
  const found = await baseImages(base, platforms, {});
  for (const { platform, image } of found)
    assert.equal((await image.config()).architecture, platform.architecture);
  return found.map(({ platform }) => formatPlatform(platform));
}

const amd64 = await makeImage('amd64');
const s390x = await makeImage('s390x', 's390x');
const both = await makeIndex('both');

describe('the bases of a build', () => {
  it('come from an index in its order: those for the usual platforms, or for the wanted ones', async () => {
    assert.deepEqual(await chosen(both), ['linux/amd64', 'linux/arm64']);
    assert.deepEqual(await chosen(both, 'linux/arm64', 'linux/amd64'), ['linux/amd64', 'linux/arm64']);
    assert.deepEqual(await chosen(both, 'linux/arm64'), ['linux/arm64']);
    assert.deepEqual(await chosen(amd64), ['linux/amd64']);
    assert.deepEqual(await chosen(s390x, 'linux/s390x'), ['linux/s390x']);
  });

  it('have the platform of their config if the index says none, also if another one is wanted', async () => {
    const index = createIndex([{ image: s390x }]);
    assert.deepEqual(await chosen(index), ['linux/s390x']);
    await assert.rejects(chosen(index, 'linux/amd64'), {
      code: 'MANIFEST_UNKNOWN',
      message: /linux\/amd64; it has linux\/s390x$/,
    });
  });

  it('count as for linux/amd64 if their config names no platform', async () => {
    const [base] = await baseImages(
      createImage({ config: { os: '', architecture: '' }, layers: [] }),
      undefined,
      {},
    );
    assert.equal(base && formatPlatform(base.platform), 'linux/amd64');
  });

  it('that are missing are named with those that there are', async () => {
    const only = createIndex([{ image: s390x, platform: { os: 'linux', architecture: 's390x' } }]);
    for (const [base, wanted, code, words] of [
      [both, ['linux/s390x'], 'MANIFEST_UNKNOWN', /linux\/s390x; it has linux\/amd64, linux\/arm64$/],
      [amd64, ['linux/amd64', 'linux/arm64'], 'MANIFEST_UNKNOWN', /linux\/arm64; it has linux\/amd64$/],
      [createIndex([]), ['linux/amd64'], 'MANIFEST_UNKNOWN', /linux\/amd64$/],
      [
        only,
        [],
        'INVALID_OPTION',
        /linux\/amd64 or linux\/arm64: choose among linux\/s390x with --platform$/,
      ],
    ] as const)
      await assert.rejects(chosen(base, ...wanted), { code, message: words });
  });

  it('for Windows are UNSUPPORTED', async () => {
    await assert.rejects(
      chosen(createImage({ config: { os: 'windows', architecture: 'amd64' }, layers: [] })),
      {
        code: 'UNSUPPORTED',
      },
    );
  });

  it('are no indexes inside of the index', async () => {
    const platform = parsePlatform('linux/amd64');
    const [inner, image] = await imagesIn(createIndex([{ image: both }, { image: amd64, platform }]));
    await assert.rejects(async () => inner?.open(), { code: 'MANIFEST_UNKNOWN' });
    assert.equal((await image?.open())?.kind, 'image');
    assert.deepEqual(await chosen(createIndex([{ image: both }, { image: amd64, platform }])), [
      'linux/amd64',
    ]);
  });
});
