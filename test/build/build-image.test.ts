import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildImage } from '../../src/build/build-image.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createIndex } from '../../src/image/create-index.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer } from '../../src/image/layer.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { file, tarOf } from '../edit/stage.ts';
import { folder } from '../folder.ts';
import { npmApp, writeFiles } from './stage.ts';

async function baseFor(architecture: string): Promise<Image> {
  const tar = await tarOf(file('etc/passwd', 'nonroot:x:65532:65532::/:/none\n'));
  const layer = createLayer(bytesContent(tar), { mediaType: 'application/vnd.oci.image.layer.v1.tar' });
  return createImage({ config: { os: 'linux', architecture }, layers: [layer] });
}

describe('buildImage', () => {
  it('makes a view of a folder on bases that the program made, and takes layers from an earlier view', async (test) => {
    const home = await folder(test);
    await writeFiles(home, npmApp);
    const entries = await Promise.all(
      ['amd64', 'arm64', 's390x'].map(async (architecture) => ({
        image: await baseFor(architecture),
        platform: { os: 'linux', architecture },
      })),
    );
    const base = createIndex(entries);
    await using first = await buildImage(home, { base, baseName: 'base.test/node:22' });
    assert.ok(first.view.kind === 'index');
    const { body } = await first.view.manifest();
    assert.deepEqual(
      body.manifests.map(({ platform }) => platform?.architecture),
      ['amd64', 'arm64'],
    );
    assert.equal(body.annotations?.['org.opencontainers.image.base.name'], 'base.test/node:22');
    const [image] = await first.view.children();
    assert.ok(image?.kind === 'image');
    const { config, rootfs } = await image.config();
    assert.equal(config?.User, '65532');
    assert.deepEqual(
      rootfs.diff_ids.slice(1),
      await Promise.all(first.layers.map(({ layer }) => layer.diffId())),
    );
    await using second = await buildImage(home, {
      base,
      baseName: 'base.test/node:22',
      previous: first.view,
    });
    assert.deepEqual(
      second.layers.map(({ isReused }) => isReused),
      [true, true],
    );
    assert.equal(
      (await second.view.manifest()).descriptor.digest,
      (await first.view.manifest()).descriptor.digest,
    );
  });

  it('needs a base for a Node application, and an entrypoint without one', async (test) => {
    const home = await folder(test);
    await writeFiles(home, npmApp);
    await failsWith(buildImage(home), 'INVALID_OPTION');
    await using built = await buildImage(home, { entrypoint: ['/app/server'], platforms: ['linux/arm64'] });
    assert.deepEqual(built.platforms, [{ os: 'linux', architecture: 'arm64' }]);
    await failsWith(buildImage(home, { entrypoint: ['a'], platforms: [] }), 'INVALID_OPTION');
  });
});
