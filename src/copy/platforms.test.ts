import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CopyError, isGantryError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { failsWith, giveImage } from '../testing/contract/sample.ts';
import { type CopyOptions, copyImage } from './copy.ts';
import {
  assertNothingNamed,
  assertThere,
  failureOf,
  giveIndex,
  image,
  linux,
  manifestOf,
  place,
} from './stage.test.support.ts';
import { watched } from './watched.test.support.ts';

const attestation = (of: Descriptor, itself: Descriptor): Descriptor => ({
  ...itself,
  platform: { os: 'unknown', architecture: 'unknown' },
  annotations: {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': of.digest,
  },
});

/** An index of three platforms, each with an attestation, and with an unknown field. */
async function giveMany(repository: Repository) {
  const entries: Descriptor[] = [];
  for (const architecture of ['amd64', 'arm64', 's390x']) {
    const { descriptor } = await giveImage(repository, image(architecture));
    const proof = await giveImage(repository, image(`proof of ${architecture}`));
    entries.push(
      { ...descriptor, platform: { os: 'linux', architecture } },
      attestation(descriptor, proof.descriptor),
    );
  }
  const index = manifestOf(MediaType.ociIndex, {
    manifests: entries,
    annotations: { title: 'many' },
    'x-unknown': { kept: true },
  });
  await repository.manifests.put(index, { tags: ['v1'] });
  return { index, entries };
}

const sparse = (architecture: string): CopyOptions => ({
  tags: ['v1'],
  sparse: true,
  platforms: [linux(architecture)],
});

describe('copyImage with platforms', () => {
  it('a copy of one platform makes its image the root and copies nothing else', async () => {
    const source = watched(place());
    const { entries } = await giveMany(source.repository);
    const to = watched(place());
    const root = await copyImage(source.repository, 'v1', to.repository, {
      tags: ['v1'],
      platforms: [linux('arm64')],
    });
    assert.equal(root.digest, entries[2]?.digest);
    assert.deepEqual(to.of('put'), [root.digest]);
    assert.equal((await to.repository.manifests.resolve('v1'))?.digest, root.digest);
  });

  it('a copy of several platforms makes an index of these with their attestations and keeps every other field', async () => {
    const [from, to] = [place(), watched(place())];
    const { index, entries } = await giveMany(from);
    const root = await copyImage(from, 'v1', to.repository, {
      tags: ['v1'],
      platforms: [linux('s390x'), linux('amd64')],
    });
    assert.notEqual(root.digest, index.descriptor.digest);
    assert.equal(root.mediaType, MediaType.ociIndex);
    const { bytes } = await to.repository.manifests.get('v1');
    const kept = [0, 1, 4, 5].map((at) => entries[at]);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(bytes)), {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: kept,
      annotations: { title: 'many' },
      'x-unknown': { kept: true },
    });
    assert.deepEqual(new Set(to.of('put')), new Set([root.digest, ...kept.map((entry) => entry?.digest)]));
  });

  it('a copy of several platforms makes the same index every time', async () => {
    const from = place();
    await giveMany(from);
    const platforms = [linux('arm64'), linux('amd64')];
    const first = await copyImage(from, 'v1', place(), { platforms });
    const second = await copyImage(from, 'v1', place(), { platforms: platforms.toReversed() });
    assert.deepEqual(first, second);
  });

  it('a copy of chosen platforms does not ask for the other children, so the source may lack them', async () => {
    const from = place();
    const { entries } = await giveMany(from);
    const [amd64, , arm64] = entries;
    assert.ok(amd64 && arm64);
    await from.manifests.delete(arm64.digest);
    const root = await copyImage(from, 'v1', place(), { platforms: [linux('amd64')] });
    assert.equal(root.digest, amd64.digest);
  });

  it('a sparse copy keeps the index unchanged and adds the chosen children to those of an earlier copy', async () => {
    const [from, to] = [place(), place()];
    const { index, one, two } = await giveIndex(from);
    assert.deepEqual(await copyImage(from, 'v1', to, sparse('amd64')), index.descriptor);
    await assertThere(to, index, one);
    assert.equal(await to.manifests.resolve(two.descriptor.digest), undefined);
    assert.deepEqual(await copyImage(from, 'v1', to, sparse('arm64')), index.descriptor);
    await assertThere(to, index, one, two);
  });

  it('a copy of a missing platform fails at the source and names the platform', async () => {
    const [from, to] = [place(), place()];
    await giveMany(from);
    for (const platforms of [[linux('riscv64')], [linux('amd64'), linux('riscv64')]]) {
      const error = await failureOf(copyImage(from, 'v1', to, { tags: ['v1'], platforms }));
      assert.ok(error instanceof CopyError);
      assert.equal(error.side, 'source');
      assert.ok(isGantryError(error.cause, 'MANIFEST_UNKNOWN'));
      assert.match(error.message, /linux\/riscv64/);
    }
    await assertNothingNamed(to);
  });

  it('a copy with platforms takes a root that is an image unchanged', async () => {
    const [from, to] = [place(), place()];
    const { descriptor } = await giveImage(from, image('only'), 'v1');
    const root = await copyImage(from, 'v1', to, { platforms: [linux('riscv64')] });
    assert.equal(root.digest, descriptor.digest);
  });

  it('a copy of no platform is refused before any request', async () => {
    const [from, to] = [watched(place()), watched(place())];
    await failsWith(copyImage(from.repository, 'v1', to.repository, { platforms: [] }), 'INVALID_OPTION');
    assert.deepEqual([from.notes, to.notes], [[], []]);
  });
});
