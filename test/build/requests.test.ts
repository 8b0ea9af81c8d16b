import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Client, createClient } from '../../src/client/client.ts';
import { gantry } from '../cli/gantry.ts';
import { findings } from '../edit/stage.ts';
import { folder } from '../folder.ts';
import { buildStage, npmApp, runOf } from './stage.ts';

describe('the requests of a build', () => {
  it('A second build of an unchanged folder sends nothing: it asks for the base and the image before.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const options = { base: at.baseIndex, to: at.app, platforms: ['linux/amd64'] };
    const { descriptor } = await at.client.build(at.home, options);
    const sent = at.registry.requests.length;
    await using other = createClient({ keychain: async () => undefined });
    const again = await other.build(at.home, options);
    assert.equal(again.descriptor.digest, descriptor.digest);
    assert.deepEqual(
      again.layers.map(({ isReused }) => isReused),
      [true, true],
    );
    const requests = at.registry.requests.slice(sent);
    assert.deepEqual(new Set(requests.map(({ method }) => method)), new Set(['GET']));
    // The index, the manifest and the config of the base; the manifest and the config of the image.
    assert.equal(requests.length, 5);
  });

  it('For two platforms, a client that has built before asks twice, and a new one without a cache asks for every document that the result depends on.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const options = { base: at.baseIndex, to: at.app, platforms: ['linux/amd64', 'linux/arm64'] };
    const { descriptor } = await at.client.build(at.home, options);
    const requestsOf = async (client: Client): Promise<readonly string[]> => {
      const sent = at.registry.requests.length;
      assert.equal((await client.build(at.home, options)).descriptor.digest, descriptor.digest);
      return at.registry.requests.slice(sent).map(({ method, url }) => `${method} ${url.split('/')[3]}`);
    };
    assert.deepEqual((await requestsOf(at.client)).toSorted(), ['GET manifests', 'GET manifests']);
    await using other = createClient({ keychain: async () => undefined });
    const asked = await requestsOf(other);
    // Of the base the index, two manifests and two configs; the index before, and one manifest and config for the layers.
    assert.deepEqual(asked.toSorted(), [...Array(3).fill('GET blobs'), ...Array(5).fill('GET manifests')]);
  });

  it('With a document cache, a second build for any number of platforms asks twice: for the base, and for the image before.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const state = await folder(test);
    const run = async (): Promise<string> => {
      const words = ['build', at.home, '-b', at.baseIndex, '-t', at.app];
      const ended = await gantry(words, { env: { GANTRY_STATE_DIR: state } });
      assert.equal(ended.code, 0, ended.stderr);
      return ended.stdout;
    };
    const first = await run();
    const sent = at.registry.requests.length;
    assert.equal(await run(), first);
    assert.deepEqual(
      at.registry.requests.slice(sent).map(({ method }) => method),
      ['GET', 'GET'],
    );
    // A damaged file counts as absent.
    const documents = join(state, 'documents');
    for (const name of await readdir(documents)) await writeFile(join(documents, name), 'a/b\n{}');
    assert.equal(await run(), first);
  });

  it('An image at another name gives its unchanged layers with cacheFrom, which are then mounted.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await at.client.build(at.home, { base: at.base, to: at.app });
    await writeFile(join(at.home, 'server.js'), 'changed');
    const sent = at.registry.requests.length;
    const { layers } = await at.client.build(at.home, {
      base: at.base,
      to: `${at.host}/next:2`,
      cacheFrom: at.app,
    });
    assert.deepEqual(
      layers.map(({ isReused }) => isReused),
      [true, false],
    );
    const requests = at.registry.requests.slice(sent);
    const uploads = requests.filter(({ method, url }) => method === 'PUT' && url.includes('/blobs/'));
    // The application and the config.
    assert.equal(uploads.length, 2);
  });

  it('The user that an earlier build found in the base is not looked up again, and never is root.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await at.client.build(at.home, { base: at.base, to: at.app });
    const user = async (): Promise<unknown> => (await runOf(at, at.app))['User'];
    assert.equal(await user(), '1000');
    await at.client.edit(at.app, (image) => image.withConfig({ user: '0' }));
    await at.client.build(at.home, { base: at.base, to: at.app });
    assert.equal(await user(), '1000');
  });

  it('An earlier image without its config, or with a broken one, is no help and no hindrance.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const { descriptor } = await at.client.build(at.home, { base: at.baseIndex, to: at.app });
    const index = await at.client.getManifest(at.app);
    assert.ok(index.body.kind === 'index');
    for (const { digest } of index.body.manifests)
      await at.registry.registry.repository('app', { actions: ['delete'] }).manifests.delete(digest);
    await using other = createClient({ keychain: async () => undefined });
    const again = await other.build(at.home, { base: at.base, to: at.app });
    assert.notEqual(again.descriptor.digest, descriptor.digest);
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('Another image at the place of the built one is replaced.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await at.client.copy(at.baseIndex, at.app);
    await at.client.build(at.home, { base: at.base, to: at.app });
    assert.equal((await at.client.getManifest(at.app)).body.kind, 'image');
  });
});
