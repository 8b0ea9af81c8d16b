import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createRemoteRegistry } from '../remote/registry.ts';
import { createApp } from '../server/app.ts';
import type { Digest } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import {
  blobOf,
  emptyConfig,
  give,
  giveImage,
  imageOf,
  listOf,
  noise,
  read,
} from '../testing/contract/sample.ts';
import { type Fault, type FaultEffect, withFaults } from '../testing/faults.ts';
import { createPullThrough } from './registry.ts';

/** An upstream that fails in any way at any request: the cache never hands out or keeps anything wrong. */

const layer = blobOf(noise(5000));
const image = imageOf({ layers: [layer] });
const note = imageOf({ subject: image.descriptor, artifactType: 'a/note' });
const known = new Map<Digest, Uint8Array>(
  [layer, emptyConfig, image, note].map(({ descriptor, bytes }) => [descriptor.digest, bytes]),
);

const effect: fc.Arbitrary<FaultEffect> = fc.oneof(
  fc.record({ status: fc.constantFrom(200, 204, 206, 301, 400, 401, 403, 404, 416, 429, 500, 503) }),
  fc.record({
    status: fc.constantFrom(200, 404),
    body: fc.constantFrom('', '{}', '<html>', '{"errors":[{}]}'),
  }),
  fc.record({
    body: fc.constantFrom<string | Uint8Array>('', 'other bytes', layer.bytes.slice(1), image.bytes.slice(1)),
  }),
  fc.record({
    cut: fc.record({
      of: fc.constantFrom('request' as const, 'answer' as const),
      after: fc.constantFrom(0, 1, 700, 4999),
    }),
  }),
  fc.record({
    headers: fc.constantFrom<Record<string, string | string[]>>(
      { 'content-length': [] },
      { 'content-length': '1' },
      { 'content-length': '999999' },
      { 'docker-content-digest': emptyConfig.descriptor.digest },
      { 'docker-content-digest': 'nonsense' },
      { 'content-type': 'text/html' },
      { 'content-range': 'bytes 5-6/7' },
    ),
  }),
);
const fault: fc.Arbitrary<Fault> = fc.record({
  effect,
  times: fc.oneof(fc.constantFrom(1, 2), fc.constant('always' as const), fc.constant({ every: 2 })),
  when: fc.constantFrom({}, { method: 'GET' }, { method: 'HEAD' }),
  optional: fc.constant(true),
});

type Question = (repository: Repository) => Promise<void>;

const questions: readonly Question[] = [
  async ({ manifests }) => isKnown(await manifests.get('v1')),
  async ({ manifests }) => isKnown(await manifests.get(image.descriptor.digest)),
  async ({ manifests }) => describesKnown(await manifests.resolve('v1')),
  async ({ manifests }) => describesKnown(await manifests.resolve(note.descriptor.digest)),
  async ({ blobs }) => isKnown({ ...layer, bytes: await read(blobs.open(layer.descriptor)) }),
  async ({ blobs }) => isKnown({ ...layer, bytes: await read(blobs.open(layer.descriptor.digest)) }),
  async ({ blobs }) =>
    isKnown({ ...emptyConfig, bytes: await read(blobs.open(emptyConfig.descriptor.digest)) }),
  async ({ blobs }) => void (await read(blobs.open(layer.descriptor), { from: 10, to: 20 })),
  async ({ blobs }) => void (await blobs.stat(layer.descriptor.digest)),
  async ({ tags }) => void (await listOf(tags.list())),
  async (repository) => void (await listOf(repository.referrers(image.descriptor.digest))),
];

function isKnown({ descriptor, bytes }: { descriptor: { digest: Digest }; bytes: Uint8Array }): void {
  const right = known.get(descriptor.digest);
  assert.ok(right !== undefined && Buffer.from(bytes).equals(right), `${descriptor.digest} has other bytes`);
}

function describesKnown(found: { readonly digest: Digest } | undefined): void {
  if (found !== undefined) assert.ok(known.has(found.digest), `${found.digest} is of no content`);
}

interface Stage {
  readonly cache: Repository;
  readonly through: Repository;
  readonly close: () => Promise<void>;
  /** Sets the faults of the upstream from now on. */
  readonly fail: (...faults: readonly Fault[]) => void;
}

async function stage(): Promise<Stage> {
  const place = createMemoryRegistry();
  const inside = place.repository('app');
  await giveImage(inside, { layers: [layer] }, 'v1');
  await give(inside, emptyConfig);
  await inside.manifests.put(note);
  let struck = withFaults([]);
  const app = createApp(place);
  const upstream = createRemoteRegistry({
    base: 'http://upstream.test',
    send: (request) => struck(app)(request),
    download: { retry: { attempts: 1 } },
  });
  const kept = createMemoryRegistry();
  const through = createPullThrough(upstream, kept);
  return {
    cache: kept.repository('app'),
    through: through.repository('app'),
    async close() {
      await through[Symbol.asyncDispose]();
    },
    fail: (...faults) => {
      struck = withFaults(faults);
    },
  };
}

/** Asks, and accepts every error of gantry as an answer. */
async function asked(question: Question, repository: Repository): Promise<void> {
  try {
    await question(repository);
  } catch (error) {
    if (!isGantryError(error)) throw error;
  }
}

async function onlyRightIn({ blobs, manifests, tags }: Repository): Promise<void> {
  for (const [digest, bytes] of known) {
    if ((await blobs.stat(digest)) === undefined) continue;
    assert.ok(Buffer.from(await read(blobs.open(digest))).equals(bytes), 'the cache keeps other bytes');
  }
  const names = await listOf(tags.list()).catch(() => []);
  for (const tag of names) {
    assert.equal(tag, 'v1');
    assert.equal((await manifests.resolve(tag))?.digest, image.descriptor.digest);
  }
}

async function staysRight(
  faults: readonly Fault[],
  some: readonly Question[],
  atOnce: boolean,
): Promise<void> {
  const { cache, through, close, fail } = await stage();
  fail(...faults);
  if (atOnce) await Promise.all(some.map((question) => asked(question, through)));
  else for (const question of some) await asked(question, through);
  await onlyRightIn(cache);
  fail();
  for (const question of questions) await question(through);
  await onlyRightIn(cache);
  await close();
}

async function servesDigests(broken: FaultEffect): Promise<void> {
  const { through, close, fail } = await stage();
  for (const question of questions) await question(through);
  fail({ effect: broken, times: 'always', optional: true });
  // Digests need no upstream.
  const { blobs, manifests } = through;
  isKnown(await manifests.get(image.descriptor.digest));
  isKnown({ ...layer, bytes: await read(blobs.open(layer.descriptor)) });
  isKnown({ ...emptyConfig, bytes: await read(blobs.open(emptyConfig.descriptor)) });
  await asked(({ manifests }) => manifests.get('v1').then(isKnown), through);
  await close();
}

describe('a cache of an upstream with any faults', () => {
  it('a cache with any faults of its upstream answers right or with an error, and works once they end', async () => {
    const order = fc.shuffledSubarray([...questions], { minLength: 3 });
    const faults = fc.array(fault, { minLength: 1, maxLength: 3 });
    await fc.assert(fc.asyncProperty(faults, order, fc.boolean(), staysRight), { numRuns: 150 });
  });

  it('a cache that has everything answers for each tag, digest and blob while every request fails', async () => {
    await fc.assert(fc.asyncProperty(effect, servesDigests), { numRuns: 60 });
  });
});
