import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Registry } from '../store/contract.ts';
import { blobOf, emptyConfig, imageOf, indexOf, listOf, read } from '../testing/contract/sample.ts';
import { checkStore } from './check.ts';
import { collectGarbage } from './garbage.ts';
import { type DiskRegistry, openDiskRegistry } from './registry.ts';

/** Random sequences of changes have the same results on disk as in memory, over restarts and collections. */

const blobs = [emptyConfig, blobOf('one'), blobOf('two'), blobOf('')] as const;
const [, one, two, none] = blobs;
const first = imageOf({ layers: [one] });
const second = imageOf({ layers: [one, two, none] });
const manifests: readonly Manifest[] = [
  first,
  second,
  imageOf({ subject: first.descriptor, artifactType: 'a/note' }),
  imageOf({ layers: [two], subject: second.descriptor, artifactType: 'another/note' }),
  indexOf([first.descriptor, second.descriptor]),
];
const names = ['a', 'a/b', 'c'];
const tags = ['v1', 'V1', 'v2'];

type Change =
  | { readonly kind: 'write' | 'delete blob'; readonly repository: number; readonly at: number }
  | { readonly kind: 'mount'; readonly repository: number; readonly from: number; readonly at: number }
  | {
      readonly kind: 'put';
      readonly repository: number;
      readonly at: number;
      readonly tags: readonly string[];
      readonly createOnly: boolean;
    }
  | { readonly kind: 'delete manifest'; readonly repository: number; readonly at: number }
  | { readonly kind: 'delete tag'; readonly repository: number; readonly tag: string }
  | { readonly kind: 'restart' | 'collect' };

const repository = fc.nat(names.length - 1);
const blob = fc.nat(blobs.length - 1);
const manifest = fc.nat(manifests.length - 1);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), repository, at: blob }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete blob' as const), repository, at: blob }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('mount' as const), repository, from: repository, at: blob }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      repository,
      at: manifest,
      tags: fc.subarray(tags),
      createOnly: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('delete manifest' as const), repository, at: manifest }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete tag' as const),
      repository,
      tag: fc.constantFrom(...tags),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'collect' as const) }) },
);

/** Runs one change, and returns its result or the code of its error. */
async function applied(registry: Registry, change: Change): Promise<unknown> {
  if (!('repository' in change)) return undefined;
  const here = registry.repository(names[change.repository] ?? '');
  const blob = blobs['at' in change ? change.at % blobs.length : 0] ?? emptyConfig;
  const manifest = manifests['at' in change ? change.at : 0] ?? first;
  try {
    switch (change.kind) {
      case 'write':
        return await here.blobs.write(blob.descriptor, blob.content);
      case 'delete blob':
        return await here.blobs.delete(blob.descriptor.digest);
      case 'mount':
        return await here.blobs.mount(blob.descriptor.digest, { from: names[change.from] });
      case 'put':
        return await here.manifests.put(manifest, { tags: change.tags, createOnly: change.createOnly });
      case 'delete manifest':
        return await here.manifests.delete(manifest.descriptor.digest);
      default:
        return await here.tags.delete(change.tag);
    }
  } catch (error) {
    if (isGantryError(error)) return error.code;
    throw error;
  }
}

async function codeOr<T>(promise: Promise<T>): Promise<T | string> {
  return promise.catch((error: unknown) => {
    if (isGantryError(error)) return error.code;
    throw error;
  });
}

/** Everything that a reader can see. */
async function seen(registry: Registry): Promise<unknown> {
  const all: Record<string, unknown> = { repositories: await listOf(registry.repositories()) };
  for (const name of names) {
    const here = registry.repository(name);
    const held: Digest[] = [];
    for (const { descriptor, bytes } of blobs) {
      if ((await here.blobs.stat(descriptor.digest)) === undefined) continue;
      held.push(descriptor.digest);
      assert.deepEqual(Buffer.from(await read(here.blobs.open(descriptor))), Buffer.from(bytes));
    }
    const described = [];
    for (const reference of [...tags, ...manifests.map(({ descriptor }) => descriptor.digest)]) {
      const got = await codeOr(here.manifests.get(reference));
      described.push([
        await here.manifests.resolve(reference),
        typeof got === 'string' ? got : Buffer.from(got.bytes).toString(),
      ]);
    }
    const referrers = [];
    for (const { descriptor } of manifests) {
      const list = await listOf(here.referrers(descriptor.digest));
      referrers.push(list.sort((a, b) => (a.digest < b.digest ? -1 : 1)));
    }
    all[name] = { held, described, referrers, tags: await codeOr(listOf(here.tags.list())) };
  }
  return all;
}

async function sameAsMemory(changes: readonly Change[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-same-'));
  const path = join(folder, 'store');
  const memory = createMemoryRegistry();
  let disk: DiskRegistry = await openDiskRegistry(path);
  try {
    for (const change of changes) {
      const [kept, expected] = [await applied(disk, change), await applied(memory, change)];
      assert.deepEqual(kept, expected, JSON.stringify(change));
      if (change.kind === 'collect') {
        // Everything is younger than the grace, so a collection beside the open store changes nothing.
        assert.deepEqual(await listOf(collectGarbage(path)), []);
      } else if (change.kind === 'restart') {
        await disk[Symbol.asyncDispose]();
        disk = await openDiskRegistry(path);
      }
    }
    assert.deepEqual(await seen(disk), await seen(memory));
    await disk[Symbol.asyncDispose]();
    disk = await openDiskRegistry(path);
    assert.deepEqual(await seen(disk), await seen(memory));
  } finally {
    await disk[Symbol.asyncDispose]();
    // A deleted blob may leave an image incomplete, in memory as on disk. No other finding may appear.
    const { findings } = await checkStore(path, { sparse: true });
    await rm(folder, { recursive: true });
    assert.deepEqual(findings, []);
  }
}

async function keepsTrees(changes: readonly Change[], untagged: boolean): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-same-'));
  const path = join(folder, 'store');
  try {
    const before = new Map<string, string>();
    {
      await using disk = await openDiskRegistry(path);
      for (const change of changes) await applied(disk, change);
      for (const name of names)
        for (const tag of tags) before.set(`${name}:${tag}`, await tree(disk, name, tag));
    }
    const planned = await listOf(collectGarbage(path, { grace: -60_000, untagged, dryRun: true }));
    const removed = await listOf(collectGarbage(path, { grace: -60_000, untagged }));
    assert.deepEqual(textsOf(removed), textsOf(planned), 'a dry run lists the same');
    assert.deepEqual(await listOf(collectGarbage(path, { grace: -60_000, untagged })), []);
    await using disk = await openDiskRegistry(path);
    for (const name of names)
      for (const tag of tags) assert.equal(await tree(disk, name, tag), before.get(`${name}:${tag}`));
    if (untagged) {
      for (const name of names) assert.deepEqual(await unreached(disk, name), []);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function textsOf(garbage: readonly unknown[]): string[] {
  return garbage.map((one) => JSON.stringify(one)).sort();
}

describe('a store on disk beside a registry in memory', () => {
  it('any sequence of changes, restarts and collections gives the same results and the same content', async () => {
    await fc.assert(fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 25 }), sameAsMemory), {
      numRuns: 25,
    });
  });

  it('any sequence of changes leaves nothing to the collection that a tag or a manifest needs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 5, maxLength: 30 }), fc.boolean(), keepsTrees),
      { numRuns: 25 },
    );
  });
});

/** Everything that a tag reaches, as text: manifests, blobs, children and referrers. */
async function tree(registry: Registry, name: string, tag: string): Promise<string> {
  const here = registry.repository(name);
  const root = await here.manifests.resolve(tag);
  const reached = new Set<Digest>(root === undefined ? [] : [root.digest]);
  const lines: string[] = [];
  for (const digest of reached) {
    const blob = await here.blobs.stat(digest);
    const there = blob === undefined ? undefined : await codeOr(here.manifests.get(digest));
    lines.push(`${digest} ${blob?.size} ${typeof there === 'object' ? there.descriptor.mediaType : ''}`);
    // A sparse index names images that are not there: nothing keeps their referrers.
    if (typeof there !== 'object') continue;
    for await (const referrer of here.referrers(digest)) reached.add(referrer.digest);
    const text = Buffer.from(there.bytes).toString();
    for (const { descriptor } of [...blobs, ...manifests])
      if (text.includes(descriptor.digest)) reached.add(descriptor.digest);
  }
  return lines.sort().join('\n');
}

/** The manifests and blobs of a repository that none of its tags reaches. */
async function unreached(registry: Registry, name: string): Promise<string[]> {
  const here = registry.repository(name);
  const trees = (await Promise.all(tags.map((tag) => tree(registry, name, tag)))).join('\n');
  const held: string[] = [];
  for (const { descriptor } of [...blobs, ...manifests]) {
    if ((await here.blobs.stat(descriptor.digest)) !== undefined) held.push(descriptor.digest);
  }
  return held.filter((digest) => !trees.includes(digest));
}
