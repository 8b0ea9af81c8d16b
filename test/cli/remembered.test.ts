import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';
import { makeIndex, store } from './images.ts';

const named = ({ requests }: TestRegistry, from: number): readonly string[] =>
  requests
    .slice(from)
    .map(({ method, url }) => `${method} ${url.replace(/^.*?\/v2\//, '').replace(/:\w+$/, '')}`);

describe('images that a command has left in a registry', () => {
  it('needless-requests: a push of the same layout by a later command is one request, and a further tag is two', async (test) => {
    await using origin = await startRegistry();
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const env = { GANTRY_STATE_DIR: join(cwd, 'state') };
    await store(origin.registry, 'app', ['1'], await makeIndex('one'));
    const pull = ['pull', '--format', 'oci', `${origin.host}/app:1`, 'layout'];
    assert.equal((await gantry(pull, { cwd, env })).code, 0);
    const push = async (tag: string): Promise<readonly string[]> => {
      const before = registry.requests.length;
      const { code, stderr } = await gantry(['push', 'layout', `${registry.host}/app:${tag}`], { cwd, env });
      assert.equal(code, 0, stderr);
      return named(registry, before);
    };
    await push('1');
    assert.deepEqual(await push('1'), ['HEAD app/manifests/1']);
    assert.deepEqual(await push('2'), ['HEAD app/manifests/sha256', 'PUT app/manifests/2']);
    await rm(env.GANTRY_STATE_DIR, { recursive: true });
    // Without the notes, the tag is asked for first.
    assert.equal((await push('3'))[0], 'HEAD app/manifests/3');
  });

  it('needless-requests: a copy of the same index by a later command is one HEAD at each side', async (test) => {
    await using origin = await startRegistry();
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const env = { GANTRY_STATE_DIR: join(cwd, 'state') };
    await store(origin.registry, 'app', ['1'], await makeIndex('one'));
    const copy = ['copy', `${origin.host}/app:1`, `${registry.host}/app:1`];
    assert.equal((await gantry(copy, { cwd, env })).code, 0);
    const before = [origin.requests.length, registry.requests.length];
    assert.equal((await gantry(copy, { cwd, env })).code, 0);
    const [atOrigin = 0, atRegistry = 0] = before;
    assert.deepEqual(named(origin, atOrigin), ['HEAD app/manifests/1']);
    assert.deepEqual(named(registry, atRegistry), ['HEAD app/manifests/1']);
  });
});
