import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openArchive } from '../../src/archive/read.ts';
import type { Client } from '../../src/client/client.ts';
import { copyImage } from '../../src/copy/copy.ts';
import { isGantryError } from '../../src/errors.ts';
import { streamContent } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { children, type Manifest } from '../../src/spec/manifest.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import type { Repository } from '../../src/store/contract.ts';
import {
  blobOf,
  emptyConfig,
  give,
  giveImage,
  imageOf,
  indexOf,
  listOf,
  noise,
} from '../../src/testing/contract/sample.ts';
import type { Middleware } from '../../src/wire/message.ts';
import type { Figure } from './figure.ts';
import { listsNoReferrers } from './spoil.ts';

/** The environment of an operation. */
export interface Scene {
  /** The registry behind the faulty connection, through its client. */
  readonly remote: Repository;
  /** The same place without any connection: its real content. */
  readonly inside: Repository;
  readonly client: Client;
  /** The names of the faulty repository and of a good one for the client. */
  readonly spoilt: string;
  readonly good: string;
  readonly insideGood: Repository;
  /** A folder for this operation. */
  readonly folder: string;
  /** Receives the progress of the transfer. */
  readonly figure: Figure;
}

/** An operation that must succeed. */
export interface Transfer {
  readonly name: string;
  readonly kind: 'write' | 'read';
  /** The bytes that must pass the faulty connection. */
  readonly bytes: number;
  /** The operation reports its figure, which ends at `bytes`. */
  readonly tells?: true;
  /** The habits of the registry in every case. */
  readonly around?: Middleware;
  run(scene: Scene): Promise<unknown>;
  /** Asserts that everything has arrived, byte for byte. */
  assertThere(scene: Scene): Promise<void>;
  /** Asserts that nothing has a name and that all content matches its digest. */
  assertClean(scene: Scene): Promise<void>;
}

const layer = (seed: string, size = 300_000) => blobOf(Buffer.concat([Buffer.from(seed), noise(size)]));
const small = layer('small', 64 * 1024);
const stream = layer('stream', 4.5 * 1024 * 1024);
const layers = { base: layer('base'), amd64: layer('amd64'), arm64: layer('arm64') };

/** A place with an image `v1` and an index `all` of two images that share their config and a layer. */
export async function giveSamples(place: Repository): Promise<void> {
  const one = await giveImage(place, { layers: [layers.base, layers.amd64] }, 'v1');
  const two = await giveImage(place, { layers: [layers.base, layers.arm64] });
  const index = indexOf([
    { ...one.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
    { ...two.descriptor, platform: { os: 'linux', architecture: 'arm64' } },
  ]);
  await place.manifests.put(index, { tags: ['all'] });
}

const size = (...blobs: readonly { readonly descriptor: Descriptor }[]): number =>
  blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
const imageBytes = size(emptyConfig, layers.base, layers.amd64);
const indexBytes = size(emptyConfig, layers.base, layers.amd64, layers.arm64);

async function manifestAt(place: Repository, reference: string): Promise<Manifest> {
  const expected = createMemoryRegistry().repository('expected');
  await giveSamples(expected);
  const manifest = await place.manifests.get(reference);
  assert.equal(manifest.descriptor.digest, (await expected.manifests.resolve(reference))?.digest);
  return manifest;
}

async function assertAll(place: Repository, { body }: Manifest): Promise<void> {
  for (const child of body.kind === 'unknown' ? [] : children(body)) {
    if (body.kind === 'index') await assertAll(place, await place.manifests.get(child.digest));
    else await assertBlob(place, child);
  }
}

async function assertBlob(place: Repository, blob: Descriptor): Promise<void> {
  assert.equal((await measure(place.blobs.open(blob).open())).digest, blob.digest);
}

/** Asserts that no tag exists and that each arrived blob is complete. */
async function assertUnnamed(place: Repository): Promise<void> {
  const tags = await listOf(place.tags.list()).catch((error: unknown) => {
    if (isGantryError(error, 'NAME_UNKNOWN')) return [];
    throw error;
  });
  assert.deepEqual(tags, []);
  for (const { descriptor } of [small, stream, ...Object.values(layers)]) {
    if ((await place.blobs.stat(descriptor.digest)) !== undefined) await assertBlob(place, descriptor);
  }
}

function pushes(reference: string) {
  return {
    async run({ remote, figure }: Scene): Promise<void> {
      const from = createMemoryRegistry().repository('acme/from');
      await giveSamples(from);
      await copyImage(from, reference, remote, { tags: [reference], onEvent: figure.onEvent });
    },
    async assertThere({ inside }: Scene): Promise<void> {
      await assertAll(inside, await manifestAt(inside, reference));
    },
    assertClean: ({ inside }: Scene) => assertUnnamed(inside),
  };
}

const subject = imageOf({ layers: [layers.base] });
const referrer = imageOf({
  layers: [small],
  subject: subject.descriptor,
  artifactType: 'application/vnd.acme.proof',
  annotations: { by: 'acme' },
});
const entry: Descriptor = {
  ...referrer.descriptor,
  artifactType: 'application/vnd.acme.proof',
  annotations: { by: 'acme' },
};

/** A manifest that names a subject, which may be missing. */
const refers: Pick<Transfer, 'kind' | 'bytes' | 'run'> = {
  kind: 'write',
  bytes: size(emptyConfig, small, referrer),
  async run({ remote }) {
    await give(remote, emptyConfig, small);
    await remote.manifests.put(referrer);
  },
};

async function taggedReferrers({ inside }: Scene): Promise<readonly Descriptor[]> {
  const tag = referrersTag(subject.descriptor.digest);
  if ((await inside.manifests.resolve(tag)) === undefined) return [];
  const { body } = await inside.manifests.get(tag);
  return body.kind === 'index' ? body.manifests : [];
}

async function assertNoFiles({ folder }: Scene): Promise<void> {
  assert.deepEqual(await readdir(folder, { recursive: true }), []);
}

export const transfers: readonly Transfer[] = [
  {
    name: 'small blob',
    kind: 'write',
    bytes: size(small),
    tells: true,
    run: ({ remote, figure }) => remote.blobs.write(small.descriptor, small.content, figure),
    assertThere: ({ inside }) => assertBlob(inside, small.descriptor),
    async assertClean({ inside }) {
      assert.equal(await inside.blobs.stat(small.descriptor.digest), undefined);
    },
  },
  {
    name: 'stream',
    kind: 'write',
    bytes: size(stream),
    tells: true,
    async run({ remote, figure }) {
      const { digest } = await remote.blobs.ingest(streamContent(stream.content.open()), figure);
      assert.equal(digest, stream.descriptor.digest);
    },
    assertThere: ({ inside }) => assertBlob(inside, stream.descriptor),
    async assertClean({ inside }) {
      assert.equal(await inside.blobs.stat(stream.descriptor.digest), undefined);
    },
  },
  { name: 'image', kind: 'write', bytes: imageBytes, tells: true, ...pushes('v1') },
  { name: 'index', kind: 'write', bytes: indexBytes, tells: true, ...pushes('all') },
  {
    name: 'referrer',
    ...refers,
    async assertThere({ inside }) {
      assert.deepEqual(await listOf(inside.referrers(subject.descriptor.digest)), [entry]);
    },
    async assertClean({ inside }) {
      assert.deepEqual(await listOf(inside.referrers(subject.descriptor.digest)), []);
    },
  },
  {
    name: 'referrer by tag',
    around: listsNoReferrers,
    ...refers,
    async assertThere(scene) {
      assert.deepEqual(await taggedReferrers(scene), [entry]);
    },
    async assertClean(scene) {
      assert.deepEqual(await taggedReferrers(scene), []);
    },
  },
  {
    name: 'to a layout',
    kind: 'read',
    bytes: indexBytes,
    tells: true,
    run: ({ client, spoilt, folder, figure: { onEvent } }) =>
      client.pull([`${spoilt}:all`], join(folder, 'layout'), { format: 'oci', annotateRef: true, onEvent }),
    async assertThere({ folder, spoilt }) {
      await using place = await openLayout(join(folder, 'layout'), { mode: 'read' });
      const [root] = await place.roots();
      assert.ok(root !== undefined, spoilt);
      const manifest = await manifestAt(
        { ...place, manifests: { ...place.manifests, get: () => place.manifests.get(root.digest) } },
        'all',
      );
      await assertAll(place, manifest);
    },
    assertClean: assertNoFiles,
  },
  {
    name: 'to an archive',
    kind: 'read',
    bytes: imageBytes,
    tells: true,
    run: ({ client, spoilt, folder, figure: { onEvent } }) =>
      client.pull([`${spoilt}:v1`], join(folder, 'archive.tar'), { onEvent }),
    async assertThere({ folder }) {
      await using place = await openArchive(join(folder, 'archive.tar'));
      await assertAll(place, await place.manifests.get('v1'));
      assert.deepEqual(await readdir(folder), ['archive.tar']);
    },
    assertClean: assertNoFiles,
  },
  {
    name: 'to an archive, by a cache',
    kind: 'read',
    bytes: imageBytes,
    tells: true,
    run: ({ client, spoilt, folder, figure: { onEvent } }) =>
      client.pull([`${spoilt}:v1`], join(folder, 'archive.tar'), {
        cachePath: join(folder, 'cache'),
        onEvent,
      }),
    async assertThere({ folder }) {
      await using place = await openArchive(join(folder, 'archive.tar'));
      await assertAll(place, await place.manifests.get('v1'));
      assert.deepEqual((await readdir(folder)).sort(), ['archive.tar', 'cache']);
    },
    async assertClean({ folder }) {
      const left = await readdir(folder);
      assert.deepEqual(
        left.filter((name) => name !== 'cache'),
        [],
      );
    },
  },
  {
    name: 'to a registry',
    kind: 'read',
    bytes: indexBytes,
    tells: true,
    run: ({ client, spoilt, good, figure: { onEvent } }) =>
      client.copy(`${spoilt}:all`, `${good}:all`, { onEvent }),
    async assertThere({ insideGood }) {
      await assertAll(insideGood, await manifestAt(insideGood, 'all'));
    },
    assertClean: ({ insideGood }) => assertUnnamed(insideGood),
  },
];
