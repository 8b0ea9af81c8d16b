import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../archive/archives.test.samples.ts';
import { bytesContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Repository } from '../store/contract.ts';
import {
  blobOf,
  failsWith,
  give,
  giveImage,
  imageOf,
  indexOf,
  listOf,
  read,
} from '../testing/contract/sample.ts';
import { type Client, createClient } from './client.ts';
import { type Place, parsePlace } from './place.ts';

const layer = blobOf('layer');
const config = blobOf(
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
  }),
);

interface Scene {
  readonly client: Client;
  readonly app: Repository;
  readonly cwd: string;
}

async function scene(test: TestContext): Promise<Scene> {
  const memory = createMemoryRegistry();
  const client = createClient({ transport: createApp(memory), keychain: async () => undefined });
  atEnd(test, () => client.close());
  const app = memory.repository('acme/app');
  await give(app, config, layer);
  const image = imageOf({ config, layers: [layer] });
  await app.manifests.put(image, { tags: ['1'] });
  const platform = { os: 'linux', architecture: 'amd64' };
  await app.manifests.put(indexOf([{ ...image.descriptor, platform }]), { tags: ['index'] });
  await giveImage(app, { subject: image.descriptor, artifactType: 'test/x' });
  return { client, app, cwd: folder(test) };
}

const text = 'registry.test/acme/app:1';
const index = 'registry.test/acme/app:index';
const stored = `registry.test/acme/app@${layer.descriptor.digest}`;

type Question = (client: Client, place: (text: string) => string | Place) => Promise<unknown>;

/** The verbs that answer a question about a place. */
const questions: Readonly<Record<string, Question>> = {
  inspect: (client, place) => client.inspect(place(text)),
  getImage: async (client, place) => (await client.getImage(place(text))).manifest(),
  getIndex: async (client, place) => (await client.getIndex(place(index))).manifest(),
  getDescriptor: (client, place) => client.getDescriptor(place(text)),
  getManifest: (client, place) => client.getManifest(place(text)),
  getRawManifest: (client, place) => client.getRawManifest(place(text)),
  getConfig: (client, place) => client.getConfig(place(text)),
  exists: (client, place) => client.exists(place(text)),
  openBlob: async (client, place) => read(client.openBlob(place(stored))),
  referrers: (client, place) => listOf(client.referrers(place(text))),
  referrerTree: (client, place) => client.referrerTree(place(text)),
  copy: (client, place) => client.copy(place(text), place('registry.test/acme/other:1')),
  tag: (client, place) => client.tag(place(text), '2'),
  putManifest: (client, place) => client.putManifest(place('registry.test/acme/app:3'), imageOf()),
  'deleteEach with dryRun': (client, place) => listOf(client.deleteEach([place(text)], { dryRun: true })),
};

const onDisk = (cwd: string): readonly Place[] => [
  { kind: 'oci', path: join(cwd, 'layout'), name: 'one' },
  { kind: 'oci-archive', path: join(cwd, 'oci.tar'), name: 'one' },
  { kind: 'docker-archive', path: join(cwd, 'docker.tar'), name: 'registry.test/acme/app:one' },
];

describe('a Place in place of a string', () => {
  for (const [name, ask] of Object.entries(questions)) {
    it(`${name} gives the same answer for a Place as for its text`, async (test) => {
      const { client } = await scene(test);
      assert.deepEqual(await ask(client, parsePlace), await ask(client, (same) => same));
    });
  }

  it('validate finds nothing wrong with an image that a Place names', async (test) => {
    const { client, app } = await scene(test);
    await client.copy(parsePlace(text), 'registry.test/acme/other:1');
    const findings = await listOf(client.validate(parsePlace(text), { fast: true }));
    assert.deepEqual(
      findings.map(({ problem }) => problem),
      [undefined],
    );
    assert.notEqual(await app.manifests.resolve('1'), undefined);
  });

  it('delete takes a Place and deletes only its tag', async (test) => {
    const { client, app } = await scene(test);
    await client.delete(parsePlace(text));
    assert.deepEqual(await listOf(app.tags.list()), ['index']);
  });

  it('pull takes Places', async (test) => {
    const { client, app, cwd } = await scene(test);
    const layout = join(cwd, 'pulled');
    const [root] = await client.pull([parsePlace(text)], layout, { format: 'oci' });
    assert.equal(root?.digest, (await app.manifests.resolve('1'))?.digest);
    assert.equal((await client.getDescriptor({ kind: 'oci', path: layout })).digest, root?.digest);
  });

  for (const at of [0, 1, 2]) {
    const [kind = ''] = onDisk('')
      .slice(at)
      .map((place) => place.kind);

    it(`copy and push take a Place of the kind ${kind} in both directions`, async (test) => {
      const { client, app, cwd } = await scene(test);
      const place = onDisk(cwd)[at];
      assert.ok(place !== undefined);
      const { digest } = await client.copy(parsePlace(text), place);
      assert.equal((await client.getDescriptor(place)).digest, digest);
      await client.copy(place, parsePlace('registry.test/acme/app:back'));
      await client.push(place, parsePlace('registry.test/acme/app:pushed'));
      for (const tag of ['back', 'pushed']) assert.equal((await app.manifests.resolve(tag))?.digest, digest);
    });

    it(`a verb for registries refuses a Place of the kind ${kind} before any request`, async (test) => {
      const { client, app, cwd } = await scene(test);
      const place = onDisk(cwd)[at];
      assert.ok(place !== undefined);
      await failsWith(client.tag(place, '2'), 'INVALID_REFERENCE');
      await failsWith(client.delete(place), 'INVALID_REFERENCE');
      await failsWith(client.putManifest(place, imageOf()), 'INVALID_REFERENCE');
      await failsWith(client.pull([place], join(cwd, 'out.tar')), 'INVALID_REFERENCE');
      await failsWith(client.push(place, place), 'INVALID_REFERENCE');
      await failsWith(client.getIndex(place), 'INVALID_REFERENCE');
      assert.throws(() => client.openBlob(place), { code: 'INVALID_REFERENCE' });
      assert.deepEqual(await listOf(app.tags.list()), ['1', 'index']);
    });
  }

  it('push refuses a Place in a registry as its path', async (test) => {
    const { client } = await scene(test);
    await failsWith(client.push(parsePlace(text), 'registry.test/acme/other:1'), 'INVALID_OPTION');
  });

  it('pull refuses the prefix of a place in its path', async (test) => {
    const { client, cwd } = await scene(test);
    await failsWith(client.pull([text], `oci:${join(cwd, 'x')}`), 'INVALID_OPTION');
  });

  it('openBlob refuses a Place without a digest', async (test) => {
    const { client } = await scene(test);
    assert.throws(() => client.openBlob(parsePlace(text)), { code: 'INVALID_REFERENCE' });
  });

  it('getDescriptor of a digest on disk and of an absent name names the failure', async (test) => {
    const { client, cwd } = await scene(test);
    const [layout] = onDisk(cwd);
    assert.ok(layout?.kind === 'oci');
    await client.copy(text, layout);
    await failsWith(client.getDescriptor({ ...layout, name: 'absent' }), 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN');
    await failsWith(client.getDescriptor({ ...layout, path: `${layout.path}x` }), 'NAME_UNKNOWN');
  });
});

describe('the standard streams of a client', () => {
  it('a client without standard streams refuses "-" on either side', async (test) => {
    const { client } = await scene(test);
    await failsWith(client.push('-', 'registry.test/acme/other:1'), 'INVALID_OPTION');
    await failsWith(client.copy(text, 'oci-archive:-'), 'INVALID_OPTION');
    await failsWith(client.pull([text], '-'), 'INVALID_OPTION');
    await failsWith(client.copy(text, 'oci:-'), 'INVALID_OPTION');
    await failsWith(client.pull([text], '-', { format: 'oci' }), 'INVALID_OPTION');
  });

  it('an archive goes out through the standard output and comes back through the standard input', async (test) => {
    const memory = createMemoryRegistry();
    const image = await giveImage(memory.repository('acme/app'), { layers: [layer] }, '1');
    const chunks: Uint8Array[] = [];
    const client = createClient({
      transport: createApp(memory),
      keychain: async () => undefined,
      standard: {
        output: async () => async (bytes) => void chunks.push(bytes.slice()),
        input: async () => bytesContent(Buffer.concat(chunks)).open(),
      },
    });
    atEnd(test, () => client.close());
    await client.copy(text, 'oci-archive:-');
    assert.ok(chunks.length > 0);
    const { digest } = await client.copy('oci-archive:-', 'registry.test/acme/back:1');
    assert.equal(digest, image.descriptor.digest);
  });

  it('a copy to a standard output that fails ends with the error of the output', async (test) => {
    const memory = createMemoryRegistry();
    await giveImage(memory.repository('acme/app'), { layers: [layer] }, '1');
    const reason = new Error('the reader is gone');
    const client = createClient({
      transport: createApp(memory),
      keychain: async () => undefined,
      standard: { output: async () => () => Promise.reject(reason), input: async () => 'nothing' },
    });
    atEnd(test, () => client.close());
    await assert.rejects(client.copy(text, 'oci-archive:-'), (error) => error === reason);
  });
});
