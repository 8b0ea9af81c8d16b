import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningRegistry } from '../../bench/support/distribution.ts';
import { createClient, openArchive } from '../../src/index.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { type PeerClient, peerClients } from './clients.ts';
import {
  gzipLayer,
  imageOf,
  indexOfTwo,
  type Parts,
  partsInLayout,
  samples,
  saveArchive,
  saveLayout,
} from './images.ts';
import { type RegistryKind, registries } from './registries.ts';

/** gantry and one other client share a registry, and each must find the content of the other there. */

const all = await samples();
const image = await imageOf('amd64', [await gzipLayer('small')]);

const index = await indexOfTwo();

interface SavedForm {
  readonly kind: string;
  readonly save: (path: string) => Promise<Parts>;
}

const sources: readonly SavedForm[] = [
  { kind: 'a layout', save: (path) => saveLayout(index, path) },
  { kind: 'an OCI archive', save: (path) => saveArchive(index, path, 'oci') },
  { kind: 'a docker archive', save: (path) => saveArchive(image, path, 'docker') },
];

for (const kind of registries) {
  for (const peer of peerClients) {
    describe(`gantry and ${peer.name} at ${kind.name}`, needs(peer.name, ...kind.needs), () => {
      exchange(kind, peer);
    });
  }
}

function exchange(kind: RegistryKind, peer: PeerClient): void {
  const client = createClient();
  let registry: RunningRegistry;
  before(async () => {
    registry = await kind.start();
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  for (const { name, path, root, parts, amd64 } of all) {
    const push = (reference: string) =>
      root.kind === 'image' ? client.pushImage(reference, root) : client.pushIndex(reference, root);

    it(`${peer.name} pulls the ${name} that gantry pushed`, async (test) => {
      const reference = `${registry.host}/gantry/${path}:1`;
      assert.equal((await push(reference)).digest, parts.root);
      const layout = join(await folder(test), 'layout');
      await peer.pull(reference, layout);
      assert.deepEqual(await partsInLayout(layout), parts);
    });

    it(`gantry pulls the ${name} that ${peer.name} pushed`, async (test) => {
      const reference = `${registry.host}/peer/${path}:1`;
      const home = await folder(test);
      await saveLayout(root, join(home, 'layout'));
      await peer.push(join(home, 'layout'), reference);
      await client.pull([reference], join(home, 'pulled'), { format: 'oci' });
      assert.deepEqual(await partsInLayout(join(home, 'pulled')), parts);

      // An archive takes one platform.
      const [pulled] = await client.pull([reference], join(home, 'image.tar'));
      const { digest } = (await amd64.manifest()).descriptor;
      assert.equal(pulled?.digest, digest);
      await using archive = await openArchive(join(home, 'image.tar'));
      assert.equal((await archive.manifests.resolve(reference))?.digest, digest);
    });

    it(`gantry and ${peer.name} take each other's copies of the ${name}`, async (test) => {
      const repository = `${registry.host}/copied/${path}`;
      await push(`${repository}/first:1`);
      await peer.copy(`${repository}/first:1`, `${repository}/second:1`);
      const copied = await client.copy(`${repository}/second:1`, `${repository}/third:1`);
      assert.equal(copied.digest, parts.root);
      const layout = join(await folder(test), 'layout');
      await peer.pull(`${repository}/third:1`, layout);
      assert.deepEqual(await partsInLayout(layout), parts);
    });
  }

  for (const { kind: from, save } of sources) {
    it(`${peer.name} pulls what gantry pushed from ${from}`, async (test) => {
      const reference = `${registry.host}/from/${from.replaceAll(' ', '-').toLowerCase()}:1`;
      const home = await folder(test);
      const parts = await save(join(home, 'saved'));
      assert.equal((await client.push(join(home, 'saved'), reference)).digest, parts.root);
      await peer.pull(reference, join(home, 'layout'));
      assert.deepEqual(await partsInLayout(join(home, 'layout')), parts);
    });
  }

  it(`gantry lists the tags and repositories that ${peer.name} does`, async () => {
    const repository = `${registry.host}/listed/app`;
    for (const tag of ['b', 'a', '1.0']) await client.pushImage(`${repository}:${tag}`, image);
    const tags: string[] = [];
    for await (const tag of client.tags(repository)) tags.push(tag);
    // distribution 2.8 lists tags in no order.
    tags.sort();
    assert.deepEqual(tags, ['1.0', 'a', 'b']);
    assert.deepEqual([...(await peer.tags(repository))].sort(), tags);
    const repositories: string[] = [];
    for await (const name of client.catalog(registry.host)) repositories.push(name);
    assert.ok(repositories.includes('listed/app'));
  });

  it(`content that ${peer.name} deletes is gone for gantry, and the reverse`, async () => {
    const repository = `${registry.host}/deleted/app`;
    const { digest } = await client.pushImage(`${repository}:1`, image);
    await peer.delete(`${repository}@${digest}`);
    assert.equal(await client.exists(`${repository}:1`), false);
    assert.equal(await client.exists(`${repository}@${digest}`), false);

    await client.pushImage(`${repository}:2`, image);
    await client.delete(`${repository}@${digest}`);
    assert.deepEqual(await peer.tags(repository).catch(() => []), []);
  });
}
