import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';
import { makeImage, makeIndex, store } from './images.ts';

describe('validate with a platform', () => {
  it('validate-other-platform: a single image for another platform ends with exit code 3 and both platforms', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const { digest } = await store(registry.registry, 'app', ['1'], await makeImage('hello', 'arm64'));
    const reference = `${registry.host}/app:1`;
    assert.equal((await gantry(['pull', '--format=oci', reference, 'layout'], { cwd })).code, 0);
    assert.equal(
      (await gantry(['pull', '--platform', 'linux/arm64', reference, 'app.tar'], { cwd })).code,
      0,
    );
    for (const subject of [
      ['--remote', reference],
      ['--tarball', join(cwd, 'layout')],
      ['--tarball', join(cwd, 'app.tar')],
    ]) {
      for (const more of [[], ['--fast'], ['--json'], ['--platform', 'linux/arm64']]) {
        const refused = await gantry(['validate', ...subject, '--platform', 'linux/s390x', ...more]);
        assert.equal(refused.code, 3, `${subject[1]} ${more.join(' ')}`);
        assert.equal(refused.stdout, '');
        assert.match(refused.stderr, new RegExp(`${digest} is for linux/arm64, not linux/s390x`));
      }
      const passed = await gantry(['validate', ...subject, '--platform', 'linux/arm64']);
      assert.deepEqual([passed.code, passed.stdout], [0, `PASS: ${subject[1]}\n`], passed.stderr);
    }
  });

  it('an image whose config names no platform counts as linux/amd64', async () => {
    await using registry = await startRegistry();
    const layers = [createLayer(bytesContent(gzipSync(new Uint8Array(1024))))];
    const image = createImage({ config: { os: '', architecture: '' }, layers });
    await store(registry.registry, 'app', ['1'], image);
    for (const command of [['validate', '--remote'], ['inspect']]) {
      const line = [...command, `${registry.host}/app:1`, '--platform'];
      assert.equal((await gantry([...line, 'linux/amd64'])).code, 0);
      assert.equal((await gantry([...line, 'linux/arm64'])).code, 3);
    }
  });

  it('a missing config is a finding of the check, and not the end of the command', async () => {
    await using registry = await startRegistry();
    const image = await makeImage('hello');
    await store(registry.registry, 'app', ['1'], image);
    const { config } = (await image.manifest()).body;
    await registry.registry.repository('app').blobs.delete(config.digest);
    const found = await gantry([
      'validate',
      '--remote',
      `${registry.host}/app:1`,
      '--platform',
      'linux/arm64',
    ]);
    assert.equal(found.code, 1, found.stderr);
    assert.match(found.stdout, new RegExp(`^FAIL: .*${config.digest} .*BLOB_UNKNOWN`));
  });

  it('an index is checked for the chosen platforms alone', async () => {
    await using registry = await startRegistry();
    const index = await makeIndex('hello');
    await store(registry.registry, 'app', ['1'], index);
    const [amd64, arm64] = (await index.manifest()).body.manifests;
    assert.ok(amd64 && arm64);
    await registry.registry.repository('app').manifests.delete(arm64.digest);
    const line = ['validate', '--remote', `${registry.host}/app:1`];
    assert.equal((await gantry(line)).code, 1);
    assert.equal((await gantry([...line, '--platform', 'linux/amd64'])).code, 0);
    const missing = await gantry([...line, '--platform', 'linux/s390x']);
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /no image for platform linux\/s390x; it has linux\/amd64, linux\/arm64/);
  });
});
