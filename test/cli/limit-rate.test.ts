import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';
import { store } from './images.ts';

const rate = 400 * 1024;
const size = 800 * 1024;
/** Milliseconds below which no run at this rate can stay: the first piece passes at once. */
const least = ((size - rate / 20) / rate) * 1000 - 10;

describe('--limit-rate', () => {
  it('pull, push and copy with --limit-rate move the same bytes in no less than their time', async (test) => {
    await using registry = await startRegistry();
    await using pushed = await startRegistry();
    await using copied = await startRegistry();
    const cwd = await folder(test);
    const bytes = noise(size);
    const image = createImage({
      config: { os: 'linux', architecture: 'amd64' },
      layers: [createLayer(bytesContent(bytes))],
    });
    const { digest } = await store(registry.registry, 'app', ['1'], image);
    const layout = join(cwd, 'layout');
    for (const [words, at] of [
      [['pull', '--format', 'oci', `${registry.host}/app:1`, layout], registry],
      [['push', layout, `${pushed.host}/app:1`], pushed],
      [['copy', `${registry.host}/app:1`, `${copied.host}/app:1`], copied],
    ] as const) {
      const since = performance.now();
      const { code, stderr } = await gantry([...words, '--limit-rate', '400K'], { cwd });
      const took = performance.now() - since;
      assert.equal(code, 0, stderr);
      assert.ok(took >= least, `${words[0]} took only ${took} ms`);
      const there = at.registry.repository('app');
      assert.equal((await there.manifests.resolve('1'))?.digest, digest);
    }
  });

  for (const value of ['0', '-1M', '10Mbps', '1023', '']) {
    it(`--limit-rate=${value} is refused before any request`, async () => {
      await using registry = await startRegistry();
      const { code, stderr } = await gantry(['digest', `${registry.host}/app:1`, `--limit-rate=${value}`]);
      assert.equal(code, 2);
      assert.match(stderr, /--limit-rate/);
      assert.deepEqual(registry.requests, []);
    });
  }
});
