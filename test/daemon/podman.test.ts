import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { gantry, startGantry } from '../cli/gantry.ts';
import { makeImage, makeIndex, store } from '../cli/images.ts';
import { heldRegistry } from '../layouts/held-registry.ts';
import { needs } from '../peer.ts';
import { startPodmanService } from './podman.ts';

async function scene(test: TestContext) {
  const service = await startPodmanService();
  atEnd(test, () => service[Symbol.asyncDispose]());
  const registry = await startRegistry();
  atEnd(test, () => registry.close());
  const client = createClient({ keychain: async () => undefined, daemonHost: service.host });
  atEnd(test, () => client.close());
  await store(registry.registry, 'app', ['1'], await makeImage('one'));
  await store(registry.registry, 'app', ['many'], await makeIndex('many'));
  return { service, client, app: `${registry.host}/app` };
}

describe("podman's socket as a docker daemon", needs('podman'), () => {
  it('podman loads an image and an index, keeps their names and configs, and gives them back.', async (test) => {
    const { service, client, app } = await scene(test);
    for (const tag of ['1', 'many']) {
      await client.copy(`${app}:${tag}`, `docker-daemon:acme/app:${tag}`);
      const [image]: readonly { readonly Id: string; readonly RepoTags: readonly string[] }[] = JSON.parse(
        await service.podman('image', 'inspect', `docker.io/acme/app:${tag}`),
      );
      const config = await client.getConfig(`${app}:${tag}`);
      assert.equal(`sha256:${image?.Id}`, digestOf(config));
      assert.deepEqual(await client.getConfig(`docker-daemon:acme/app:${tag}`), config);
      assert.deepEqual(await client.getConfig(`docker-daemon:sha256:${image?.Id}`), config);
      assert.deepEqual(await client.getConfig(`docker-daemon:${image?.Id.slice(0, 12)}`), config);
      await client.copy(`docker-daemon:acme/app:${tag}`, `${app}:back`);
      assert.deepEqual(await client.getConfig(`${app}:back`), config);
    }
    assert.deepEqual(await readdir(service.temporary), []);
  });

  it('podman gets only the name of an image that it has, and gantry changes an image in it.', async (test) => {
    const { service, client, app } = await scene(test);
    await client.copy(`${app}:1`, 'docker-daemon:acme/app:1');
    const outcomes = new Set<string>();
    await client.copy(`${app}:1`, 'docker-daemon:localhost:5000/other:2', {
      onEvent: (event) => {
        if (event.kind === 'blob') outcomes.add(event.outcome);
      },
    });
    assert.deepEqual([...outcomes], ['existed']);
    await service.podman('image', 'exists', 'localhost:5000/other:2');
    await client.edit('docker-daemon:acme/app:1', (image) => image.withConfig({ user: '5' }));
    const config = JSON.parse(new TextDecoder().decode(await client.getConfig('docker-daemon:acme/app:1')));
    assert.equal(config.config.User, '5');
    await failsWith(client.getConfig('docker-daemon:acme/nothing:1'), 'MANIFEST_UNKNOWN');
    assert.equal(await client.exists('docker-daemon:acme/nothing:1'), false);
  });

  it('A source that ends in the middle of a layer leaves nothing in podman, and podman can load afterwards.', async (test) => {
    const { service, app } = await scene(test);
    const held = await heldRegistry(test);
    const half = held.half();
    const env = { DOCKER_HOST: service.host };
    const child = startGantry(['copy', held.image, 'docker-daemon:acme/held:1'], { env });
    await half;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
    const { code, stderr } = await gantry(['copy', `${app}:1`, 'docker-daemon:acme/held:2'], { env });
    assert.equal(code, 0, stderr);
    const names = await service.podman('images', '--format', '{{.Repository}}:{{.Tag}}');
    assert.deepEqual(names.trim().split('\n'), ['docker.io/acme/held:2']);
    assert.deepEqual(await readdir(service.temporary), []);
  });
});
