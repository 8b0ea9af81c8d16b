import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { type Ended, gantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

interface Scene {
  /** `127.0.0.1:40000/app:1` */
  readonly image: string;
  readonly digest: string;
  /** Has `app.tar` and the layout `layout`, both of the image. */
  readonly cwd: string;
  readonly run: (...args: readonly string[]) => Promise<Ended>;
}

async function scene(test: TestContext): Promise<Scene> {
  const registry = await startRegistry();
  atEnd(test, () => registry.close());
  const { digest } = await store(registry.registry, 'app', ['1'], await makeImage('here'));
  const cwd = await folder(test);
  const image = `${registry.host}/app:1`;
  const run = (...args: readonly string[]): Promise<Ended> => gantry(args, { cwd });
  for (const place of ['oci-archive:app.tar', 'oci:layout']) {
    const { code, stderr } = await run('copy', image, place);
    assert.equal(code, 0, stderr);
  }
  return { image, digest, cwd, run };
}

describe('a path in place of a reference', () => {
  it('Commands that read an image take a path that exists.', async (test) => {
    const { cwd, digest, run } = await scene(test);
    for (const path of ['app.tar', './app.tar', join(cwd, 'app.tar'), './layout', 'layout/']) {
      const { code, stdout, stderr } = await run('digest', path);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, `${digest}\n`, path);
    }
    for (const command of ['inspect', 'manifest', 'config', 'export', 'ls-files']) {
      const { code, stderr } = await run(command, 'app.tar');
      assert.equal(code, 0, `${command}: ${stderr}`);
    }
    const { stdout } = await run('diff', './layout', 'app.tar');
    assert.doesNotMatch(stdout, /^[ACD] /m);
  });

  it('A copy reads from a path, adds to one that exists, and makes none of an unsaid kind.', async (test) => {
    const { image, digest, cwd, run } = await scene(test);
    assert.equal((await run('copy', 'app.tar', image.replace(':1', ':2'))).code, 0);
    assert.equal((await run('digest', image.replace(/:1$/, ':2'))).stdout, `${digest}\n`);
    assert.equal((await run('copy', image, './layout')).code, 0);
    await mkdir(join(cwd, 'empty'));
    for (const path of ['./new.tar', './empty', '.']) {
      const { code, stderr } = await run('copy', image, path);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /oci:/);
    }
    assert.deepEqual((await readdir(cwd)).sort(), ['app.tar', 'empty', 'layout']);
    assert.deepEqual(await readdir(join(cwd, 'empty')), []);
  });

  it('A change reads and replaces the image at a path.', async (test) => {
    const { run } = await scene(test);
    const { code, stderr } = await run('mutate', '--user', '5', './app.tar');
    assert.equal(code, 0, stderr);
    assert.match((await run('config', 'app.tar')).stdout, /"User":"5"/);
  });

  it('A name without a file stays an image, and gantry looks for no file of an ordinary name.', async (test) => {
    const { image, run } = await scene(test);
    const name = image.replace(':1', '.tar');
    const { code, stderr } = await run('digest', name);
    assert.equal(code, 3, stderr);
    assert.ok(stderr.includes(name), stderr);
  });
});
