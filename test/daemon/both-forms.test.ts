import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { stage } from './stage.ts';

describe('the tar for a docker daemon', needs('skopeo'), () => {
  // id: T79
  it('skopeo reads it as an OCI archive and as a docker archive, with the same image.', async (test) => {
    for (const store of ['containerd', 'classic'] as const) {
      const at = await stage(test, { store, keepTars: true });
      await at.client.copy(`${at.app}:1`, 'docker-daemon:acme/app:1');
      const file = join(await folder(test), 'load.tar');
      await writeFile(file, at.daemon.tars[0] ?? new Uint8Array(0));
      const config = await at.client.getConfig(`${at.app}:1`);
      for (const kind of ['oci-archive', 'docker-archive']) {
        const read = await output('skopeo', ['inspect', '--config', '--raw', `${kind}:${file}`]);
        assert.equal(digestOf(new TextEncoder().encode(read)), digestOf(config), kind);
      }
      const listed: { readonly Layers: readonly string[] } = JSON.parse(
        await output('skopeo', ['inspect', `oci-archive:${file}`]),
      );
      const { body } = await at.client.getManifest(`${at.app}:1`);
      assert.deepEqual(listed.Layers, body.kind === 'image' && body.layers.map(({ digest }) => digest));
      // Copies of both forms hold the same unpacked layers.
      const copy = await folder(test);
      await output('skopeo', ['copy', `docker-archive:${file}`, `oci:${join(copy, 'layout')}:a`]);
      const again = await output('skopeo', ['inspect', '--config', '--raw', `oci:${join(copy, 'layout')}:a`]);
      const { rootfs }: { readonly rootfs: unknown } = JSON.parse(again);
      assert.deepEqual(rootfs, JSON.parse(new TextDecoder().decode(config)).rootfs);
    }
  });

  it('Each blob is in it once, and nothing else than the two descriptions.', async (test) => {
    const at = await stage(test);
    await at.client.copy(`${at.app}:many`, 'docker-daemon:acme/app:many');
    const [names] = at.daemon.loads.map((files) => [...files.keys()].filter((name) => !name.endsWith('/')));
    const { body } = await at.client.getManifest(`${at.app}:many`);
    assert.ok(body.kind === 'index');
    const digests = [(await at.client.getDescriptor(`${at.app}:many`)).digest];
    for (const child of body.manifests) {
      const image = await at.client.getManifest(`${at.app}@${child.digest}`);
      assert.ok(image.body.kind === 'image');
      digests.push(child.digest, image.body.config.digest, ...image.body.layers.map(({ digest }) => digest));
    }
    const expected = [
      ...new Set(digests.map((digest) => `blobs/${digest.replace(':', '/')}`)),
      'index.json',
      'manifest.json',
      'oci-layout',
    ];
    assert.deepEqual(names?.toSorted(), expected.toSorted());
  });
});
