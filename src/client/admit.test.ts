import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { listening } from '../../test/listening.ts';
import { folder } from '../archive/archives.test.samples.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, giveImage, listOf } from '../testing/contract/sample.ts';
import { startRegistry } from '../testing/start-registry.ts';
import { type Client, createClient } from './client.ts';
import type { TransferOptions } from './copy.ts';

const refusal = new Error('no signature');
const refuse = { admit: () => Promise.reject(refusal) };

/** A host that counts its connections and never answers. */
async function silentHost(test: TestContext) {
  let connections = 0;
  const server = createServer(() => {
    connections++;
  });
  return { host: `127.0.0.1:${await listening(test, server)}`, count: () => connections };
}

async function scene(test: TestContext) {
  const registry = await startRegistry();
  const client = createClient({ keychain: async () => undefined });
  atEnd(test, async () => {
    await client.close();
    await registry.close();
  });
  const image = await giveImage(registry.registry.repository('acme/app'), { layers: [blobOf('layer')] }, '1');
  const source = `${registry.host}/acme/app:1`;
  const layout = join(folder(test), 'layout');
  await client.pull([source], layout, { format: 'oci', annotateRef: false });
  return { registry, client, image, source, layout };
}

interface Verb {
  readonly source: string;
  readonly layout: string;
  readonly to: string;
  readonly options: TransferOptions;
}

const verbs: Readonly<Record<string, (client: Client, verb: Verb) => Promise<unknown>>> = {
  'copy from a registry': (client, { source, to, options }) => client.copy(source, `${to}:1`, options),
  'copy from a layout': (client, { layout, to, options }) => client.copy(`oci:${layout}`, `${to}:1`, options),
  'copy that keeps tags': (client, { source, to, options }) =>
    client.copy(source, `${to}:1`, { ...options, noClobber: true }),
  'push of a layout': (client, { layout, to, options }) => client.push(layout, `${to}:1`, options),
  'push of an index of a layout': (client, { layout, to, options }) =>
    client.push(layout, `${to}:1`, { ...options, index: true }),
  'push of a view': async (client, { source, to, options }) =>
    client.pushImage(`${to}:1`, await client.getImage(source), options),
};

describe('admit in the verbs of a client', () => {
  for (const [name, verb] of Object.entries(verbs)) {
    it(`a rejected ${name} opens no connection to the destination`, async (test) => {
      const { client, source, layout } = await scene(test);
      const { host, count } = await silentHost(test);
      await assert.rejects(
        verb(client, { source, layout, to: `${host}/acme/app`, options: refuse }),
        (error) => error === refusal,
      );
      assert.equal(count(), 0);
    });

    it(`an admitted ${name} passes its root and a source with its blobs`, async (test) => {
      const { registry, client, image, source, layout } = await scene(test);
      const roots: Manifest[] = [];
      const admit = async (root: Manifest, from: Repository): Promise<void> => {
        roots.push(root);
        if (root.body.kind === 'image') assert.ok(await from.blobs.stat(root.body.config.digest));
      };
      await verb(client, { source, layout, to: `${registry.host}/acme/other`, options: { admit } });
      const other = registry.registry.repository('acme/other');
      const there = await other.manifests.resolve('1');
      assert.deepEqual(
        roots.map(({ descriptor }) => descriptor.digest),
        [there?.digest],
      );
      if (name !== 'push of an index of a layout') assert.equal(there?.digest, image.descriptor.digest);
    });
  }

  it('a pull of several images asks admit for each', async (test) => {
    const { client, source, image } = await scene(test);
    const roots: string[] = [];
    const admit = ({ descriptor }: Manifest): void => void roots.push(descriptor.digest);
    await client.pull([source, source], join(folder(test), 'two'), { format: 'oci', admit });
    assert.deepEqual(roots, [image.descriptor.digest, image.descriptor.digest]);
    await assert.rejects(
      client.pull([source], join(folder(test), 'image.tar'), refuse),
      (error) => error === refusal,
    );
  });

  it('a copy of a repository writes no tag that admit rejects', async (test) => {
    const { registry, client } = await scene(test);
    const copying = client.copyRepository(`${registry.host}/acme/app`, `${registry.host}/acme/other`, refuse);
    await assert.rejects(listOf(copying), (error) => error === refusal);
    const writes = registry.requests.filter(
      ({ method, url }) => url.includes('/acme/other/') && method !== 'GET',
    );
    assert.deepEqual(writes, []);
  });

  it('a destination with another digest than the source is refused before any request to it', async (test) => {
    const { registry, client, source, layout } = await scene(test);
    const digest = `sha256:${'0'.repeat(64)}`;
    const other = `${registry.host}/acme/other`;
    await failsWith(client.push(layout, `${other}@${digest}`), 'DIGEST_INVALID');
    await failsWith(client.copy(source, `${other}:1@${digest}`), 'DIGEST_INVALID');
    assert.deepEqual(
      registry.requests.filter(({ url }) => url.includes('/acme/other/')),
      [],
    );
  });
});
