import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { idOf, stage } from './stage.ts';

describe('reading an image of a docker daemon', () => {
  it('A containerd store gives an image and an index back with their digests.', async (test) => {
    const at = await stage(test);
    for (const tag of ['1', 'many']) {
      const root = await at.client.copy(`${at.app}:${tag}`, `docker-daemon:app:${tag}`);
      const copied = await at.client.copy(`docker-daemon:app:${tag}`, `${at.app}:back`);
      assert.equal(copied.digest, root.digest);
    }
  });

  for (const form of ['oci', 'legacy'] as const) {
    // id: T80
    it(`An image of a classic store in the ${form} form is read alike with manifest.json first or last.`, async (test) => {
      const digests: string[] = [];
      for (const manifest of ['first', 'last'] as const) {
        const at = await stage(test, { store: 'classic', saved: { form, manifest } });
        await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
        const { digest } = await at.client.copy('docker-daemon:app:1', `${at.app}:back`);
        digests.push(digest);
        const [was, is] = await Promise.all([
          at.client.getConfig(`${at.app}:1`),
          at.client.getConfig(`${at.app}:back`),
        ]);
        assert.deepEqual(is, was);
        const { body } = await at.client.getManifest(`${at.app}:back`);
        assert.ok(body.kind === 'image');
        // Unpacked layers are gzipped on their way to a registry.
        for (const { mediaType } of body.layers) assert.match(mediaType, /gzip$/);
      }
      assert.equal(digests[0], digests[1]);
    });
  }

  it('An image is found by its short name, its name at Docker Hub, and the whole or short ID.', async (test) => {
    const at = await stage(test, { store: 'classic' });
    await at.client.copy(`${at.app}:1`, 'docker-daemon:alpine:latest');
    const id = idOf(at, 'alpine') ?? '';
    const config = await at.client.getConfig(`${at.app}:1`);
    const hex = id.slice('sha256:'.length);
    for (const name of [
      'alpine',
      'docker.io/library/alpine:latest',
      'index.docker.io/library/alpine',
      id,
      hex,
      hex.slice(0, 12),
    ])
      assert.deepEqual(await at.client.getConfig(`docker-daemon:${name}`), config, name);
  });

  it('An absent image is not found, and does not exist.', async (test) => {
    const at = await stage(test);
    await failsWith(at.client.getDescriptor('docker-daemon:nothing'), 'MANIFEST_UNKNOWN');
    assert.equal(await at.client.exists('docker-daemon:nothing'), false);
    await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
    assert.equal(await at.client.exists('docker-daemon:app:1'), true);
  });

  it('A store without manifests does not give another manifest for the digest in the name.', async (test) => {
    const at = await stage(test, { store: 'classic' });
    const { digest } = await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
    await failsWith(at.client.getManifest(`docker-daemon:app:1@${digest}`), 'DIGEST_INVALID');
  });

  it('A containerd store is asked for the one platform that is needed.', async (test) => {
    const at = await stage(test);
    await at.client.copy(`${at.app}:many`, 'docker-daemon:app:many');
    const { body } = await at.client.getManifest('docker-daemon:app:many', { platform: 'linux/arm64' });
    assert.equal(body.kind, 'image');
    const query = new URL(at.daemon.requests.at(-1)?.split(' ')[1] ?? '', 'http://docker').searchParams;
    assert.deepEqual(JSON.parse(query.get('platform') ?? ''), { os: 'linux', architecture: 'arm64' });
  });

  it('A failure that the daemon writes behind the saved bytes is told in its words, and no file stays.', async (test) => {
    const words = 'failed to export image: content not found';
    const at = await stage(test, { failSave: () => words });
    await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
    const { code, stderr } = await gantry(['inspect', 'docker-daemon:app:1'], { env: at.env });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(words));
    assert.deepEqual(await readdir(at.path), []);
  });
});
