import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CopyError } from '../../src/errors.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { asked, idOf, stage } from './stage.ts';

const stores = ['containerd', 'classic'] as const;

describe('loading into a docker daemon', () => {
  for (const store of stores) {
    it(`A copy loads an image into a ${store} store under its name, in one request.`, async (test) => {
      const at = await stage(test, { store });
      const root = await at.client.copy(`${at.app}:1`, 'docker-daemon:acme/app:dev');
      const config = digestOf(await at.client.getConfig(`${at.app}:1`));
      assert.equal(idOf(at, 'acme/app:dev'), store === 'containerd' ? root.digest : config);
      const loads = asked(at).filter((line) => line.startsWith('POST'));
      assert.deepEqual(loads, ['POST /images/load?quiet=0']);
      assert.deepEqual(await readdir(at.path), []);
    });

    it(`A ${store} store that has the image gets its name alone.`, async (test) => {
      const at = await stage(test, { store });
      await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
      const { received } = at.daemon;
      asked(at);
      const outcomes: string[] = [];
      await at.client.copy(`${at.app}:1`, 'docker-daemon:localhost:5000/other:2', {
        onEvent: (event) => {
          if (event.kind === 'blob') outcomes.push(event.outcome);
        },
      });
      assert.equal(at.daemon.received, received);
      assert.deepEqual([...new Set(outcomes)], ['existed']);
      assert.equal(idOf(at, 'localhost:5000/other:2'), idOf(at, 'app:1'));
      assert.ok(asked(at).some((line) => line.includes('/tag?repo=localhost%3A5000%2Fother&tag=2')));
    });

    it(`A repair sends all content to a ${store} store that has it.`, async (test) => {
      const at = await stage(test, { store });
      await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
      await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1', { repair: true });
      assert.equal(at.daemon.loads.length, 2);
    });
  }

  it('A containerd store that has the image under the name gets nothing.', async (test) => {
    const at = await stage(test);
    await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
    asked(at);
    await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
    assert.deepEqual(
      asked(at).filter((line) => line.startsWith('POST')),
      [],
    );
  });

  it('A containerd store takes an index with its digest.', async (test) => {
    const at = await stage(test);
    const root = await at.client.copy(`${at.app}:many`, 'docker-daemon:app:many');
    assert.equal(root.digest, (await at.client.getDescriptor(`${at.app}:many`)).digest);
    assert.equal(idOf(at, 'app:many'), root.digest);
  });

  it('An index goes out whole also if the daemon has each of its images.', async (test) => {
    const at = await stage(test);
    const { body } = await at.client.getManifest(`${at.app}:many`);
    assert.ok(body.kind === 'index');
    for (const [n, child] of body.manifests.entries())
      await at.client.copy(`${at.app}@${child.digest}`, `docker-daemon:child:${n}`);
    asked(at);
    const root = await at.client.copy(`${at.app}:many`, 'docker-daemon:app:many');
    assert.equal(idOf(at, 'app:many'), root.digest);
    const files = at.daemon.loads.at(-1);
    for (const child of body.manifests) assert.ok(files?.has(`blobs/${child.digest.replace(':', '/')}`));
    assert.deepEqual(
      asked(at).filter((line) => body.manifests.some(({ digest }) => line.includes(digest))),
      [],
    );
  });

  it('A classic store takes the image of an index for its own platform, or the chosen one.', async (test) => {
    const at = await stage(test, { store: 'classic', machine: 'aarch64' });
    const own = await at.client.copy(`${at.app}:many`, 'docker-daemon:app:own');
    const chosen = await at.client.copy(`${at.app}:many`, 'docker-daemon:app:chosen', {
      platforms: ['linux/amd64'],
    });
    const platform = async (digest: string) =>
      (await at.client.getImage(`${at.app}@${digest}`)).config().then((config) => config.architecture);
    assert.equal(await platform(own.digest), 'arm64');
    assert.equal(await platform(chosen.digest), 'amd64');
    await failsWith(
      at.client.copy(`${at.app}:many`, 'docker-daemon:app:two', {
        platforms: ['linux/amd64', 'linux/arm64'],
      }),
      'INVALID_OPTION',
    );
    assert.equal(at.daemon.loads.length, 2);
  });

  it('An index without an image for the platform of a classic store is refused, and nothing is sent.', async (test) => {
    const at = await stage(test, { store: 'classic', machine: 's390x' });
    await failsWith(at.client.copy(`${at.app}:many`, 'docker-daemon:app:many'), 'MANIFEST_UNKNOWN');
    assert.equal(at.daemon.received, 0);
  });

  // id: T77
  it('A failure that the daemon reports in an answer of 200 ends the copy with its words.', async (test) => {
    const words = 'write /blobs: no space left on device';
    const at = await stage(test, { failLoad: () => words });
    await assert.rejects(at.client.copy(`${at.app}:1`, 'docker-daemon:app:1'), (error) => {
      assert.ok(error instanceof Error && error.message.includes(words), String(error));
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  });

  // id: T78
  it('A daemon with an oldest version of 1.44 is asked with a version that both know.', async (test) => {
    const at = await stage(test, { versions: ['1.44', '1.60'] });
    await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
    const versions = at.daemon.requests.map((line) => /\/v([\d.]+)\//.exec(line)?.[1]);
    assert.deepEqual([...new Set(versions)], [undefined, '1.52']);
  });

  it('An older daemon is asked with its own newest version, and one that is too old is refused.', async (test) => {
    const older = await stage(test, { store: 'classic', versions: ['1.12', '1.41'] });
    await older.client.copy(`${older.app}:1`, 'docker-daemon:app:1');
    assert.ok(older.daemon.requests.includes('POST /v1.41/images/load?quiet=0'));
    const oldest = await stage(test, { store: 'classic', versions: ['1.12', '1.23'] });
    await failsWith(oldest.client.copy(`${oldest.app}:1`, 'docker-daemon:app:1'), 'UNSUPPORTED');
  });

  it('A daemon that gantry is too old for says which version it needs.', async (test) => {
    const at = await stage(test, { versions: ['1.60', '1.70'] });
    await assert.rejects(
      at.client.copy(`${at.app}:1`, 'docker-daemon:app:1'),
      /Minimum supported API version is 1\.60.*update gantry/,
    );
  });

  it('An edit writes its result into the daemon, and so does a source in the daemon.', async (test) => {
    const at = await stage(test, { store: 'classic' });
    const user = async (name: string) => (await configOf(name)).config?.User;
    const configOf = async (name: string): Promise<{ readonly config?: { readonly User?: string } }> =>
      JSON.parse(new TextDecoder().decode(await at.client.getConfig(name)));
    await at.client.edit(`${at.app}:1`, (image) => image.withConfig({ user: '5' }), {
      to: 'docker-daemon:app:1',
    });
    assert.equal(await user('docker-daemon:app:1'), '5');
    await at.client.edit('docker-daemon:app:1', (image) => image.withConfig({ user: '6' }));
    assert.equal(await user('docker-daemon:app:1'), '6');
    const id = idOf(at, 'app:1');
    await failsWith(
      at.client.edit(`docker-daemon:${id}`, (image) => image.withConfig({ user: '7' })),
      'INVALID_OPTION',
    );
  });

  it('An edit of an index writes the image of the platform into a classic store, and returns its descriptor.', async (test) => {
    const at = await stage(test, { store: 'classic' });
    const { descriptor } = await at.client.edit(
      `${at.app}:many`,
      (image) => image.withConfig({ user: '5' }),
      {
        to: 'docker-daemon:app:edited',
        platforms: ['linux/arm64'],
      },
    );
    const config = JSON.parse(
      new TextDecoder().decode(await at.client.getConfig('docker-daemon:app:edited')),
    );
    assert.equal(config.architecture, 'arm64');
    assert.match(descriptor.mediaType, /image\.manifest/);
  });

  it('A build goes straight into the daemon, and an equal one sends no bytes.', async (test) => {
    for (const store of stores) {
      const at = await stage(test, { store });
      const options = { to: 'docker-daemon:site:1', base: 'scratch', entrypoint: ['/site'] };
      await writeFile(join(at.path, 'index.html'), 'hello');
      const { descriptor } = await at.client.build(at.path, {
        ...options,
        platforms: ['linux/amd64', 'linux/arm64'],
      });
      const { received } = at.daemon;
      assert.equal(idOf(at, 'site:1') === descriptor.digest, store === 'containerd');
      await at.client.build(at.path, { ...options, platforms: ['linux/amd64', 'linux/arm64'] });
      assert.equal(at.daemon.received, received);
      assert.equal(at.daemon.loads.length, 1);
    }
  });

  it('The digest in the name of a destination is compared, and nothing is sent for another one.', async (test) => {
    const at = await stage(test);
    const { digest } = await at.client.getDescriptor(`${at.app}:1`);
    await at.client.copy(`${at.app}:1`, `docker-daemon:app:1@${digest}`);
    assert.equal(idOf(at, 'app:1'), digest);
    const { received } = at.daemon;
    await failsWith(at.client.copy(`${at.app}:many`, `docker-daemon:app:2@${digest}`), 'DIGEST_INVALID');
    await failsWith(at.client.copy(`${at.app}:1`, `docker-daemon:app@${digest}`), 'INVALID_REFERENCE');
    await failsWith(at.client.copy(`${at.app}:1`, `docker-daemon:${digest}`), 'INVALID_REFERENCE');
    assert.equal(at.daemon.received, received);
  });

  it('noClobber keeps an image that the daemon has under the name.', async (test) => {
    for (const store of stores) {
      const at = await stage(test, { store });
      await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
      const before = idOf(at, 'app:1');
      await assert.rejects(
        at.client.copy(`${at.app}:many`, 'docker-daemon:app:1', { noClobber: true }),
        (error) => error instanceof CopyError && error.step === 'check the tag',
      );
      assert.equal(idOf(at, 'app:1'), before);
    }
  });

  it('Options that a daemon cannot have are refused before the first request.', async (test) => {
    const at = await stage(test);
    await failsWith(
      at.client.copy(`${at.app}:1`, 'docker-daemon:app:1', { referrers: true }),
      'INVALID_OPTION',
    );
    await failsWith(
      at.client.copy(`${at.app}:1`, 'docker-daemon:app:1', { replace: true }),
      'INVALID_OPTION',
    );
    await failsWith(
      at.client.pull([`${at.app}:1`], 'docker-daemon:app:1', { format: 'oci' }),
      'INVALID_OPTION',
    );
    await failsWith(
      at.client.pull([`${at.app}:1`, `${at.app}:many`], 'docker-daemon:app:1'),
      'INVALID_OPTION',
    );
    assert.deepEqual(asked(at), []);
  });

  it('pull loads one image into the daemon, and push takes one from it.', async (test) => {
    const at = await stage(test);
    const [root] = await at.client.pull([`${at.app}:1`], 'docker-daemon:app:1');
    assert.equal(idOf(at, 'app:1'), root?.digest);
    const pushed = await at.client.push('docker-daemon:app:1', `${at.app}:pushed`);
    assert.equal(pushed.digest, root?.digest);
  });

  it('An artifact is refused before anything is sent.', async (test) => {
    const at = await stage(test);
    const bytes = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        artifactType: 'application/vnd.acme',
        config: {
          mediaType: 'application/vnd.oci.empty.v1+json',
          digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
          size: 2,
        },
        layers: [],
      }),
    );
    const { blobs } = at.registry.registry.repository('app', { actions: ['pull', 'push'] });
    await blobs.ingest(bytesContent(new TextEncoder().encode('{}')));
    const artifact = parseManifest(bytes, { digest: digestOf(bytes) });
    await at.client.putManifest(`${at.app}:artifact`, artifact);
    await failsWith(at.client.copy(`${at.app}:artifact`, 'docker-daemon:app:1'), 'UNSUPPORTED');
    assert.equal(at.daemon.received, 0);
  });
});
