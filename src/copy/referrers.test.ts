import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CopyError, NotFoundError, TransportError, UnsupportedError } from '../errors.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestEncoded } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, give, giveImage, imageOf, indexOf, listOf } from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';
import { watched } from './watched.test.support.ts';

const place = (): Repository => createMemoryRegistry().repository('acme/app');
const all = { tags: ['v1'], referrers: true } as const;

/** Puts a referrer of `subject`. */
function refer(repository: Repository, { descriptor }: Manifest, text: string): Promise<Manifest> {
  return giveImage(repository, { layers: [blobOf(text)], subject: descriptor, artifactType: 'test/x' });
}

/** The same place with other lists of referrers. */
function listing(repository: Repository, lists: ReadonlyMap<Digest, readonly Descriptor[]>): Repository {
  return {
    ...repository,
    async *referrers(digest) {
      yield* lists.get(digest) ?? [];
    },
  };
}

async function referrersOf(at: Repository, { descriptor }: Manifest): Promise<readonly string[]> {
  return (await listOf(at.referrers(descriptor.digest))).map(({ digest }) => digest);
}

describe('copyImage with referrers', () => {
  it('a copy brings the referrers of an index, of its images, and of these referrers', async () => {
    const from = place();
    const image = await giveImage(from, { layers: [blobOf('one')] });
    const index = indexOf([image.descriptor]);
    await from.manifests.put(index, { tags: ['v1'] });
    const ofIndex = await refer(from, index, 'of the index');
    const ofImage = await refer(from, image, 'of the image');
    const ofReferrer = await refer(from, ofImage, 'of the referrer');
    const to = place();
    await copyImage(from, 'v1', to, all);
    for (const [subject, referrer] of [
      [index, ofIndex],
      [image, ofImage],
      [ofImage, ofReferrer],
    ] as const) {
      assert.deepEqual(await referrersOf(to, subject), [referrer.descriptor.digest]);
    }
  });

  it('a copy ends when the lists of referrers form a circle, and reads each list once', async () => {
    const from = place();
    const root = await giveImage(from, {}, 'v1');
    const [one, two] = [await refer(from, root, 'one'), await refer(from, root, 'two')];
    let lists = 0;
    const circle = listing(
      from,
      new Map([
        [root.descriptor.digest, [one.descriptor, two.descriptor, root.descriptor]],
        [one.descriptor.digest, [two.descriptor, root.descriptor, one.descriptor]],
        [two.descriptor.digest, [one.descriptor, root.descriptor]],
      ]),
    );
    const counting: Repository = {
      ...circle,
      referrers(digest, options) {
        lists++;
        return circle.referrers(digest, options);
      },
    };
    const to = watched(place());
    await copyImage(counting, 'v1', to.repository, all);
    assert.equal(lists, 3);
    const puts = to.of('put');
    for (const { descriptor } of [one, two])
      assert.equal(puts.filter((what) => what === descriptor.digest).length, 1);
  });

  it('a copy leaves out a listed referrer with another subject or without content', async () => {
    const from = place();
    const root = await giveImage(from, {}, 'v1');
    const other = await giveImage(from, { layers: [blobOf('other')] });
    const foreign = await refer(from, other, 'foreign');
    const gone = imageOf({ layers: [blobOf('gone')], subject: root.descriptor });
    const to = place();
    const lists = new Map([[root.descriptor.digest, [foreign.descriptor, gone.descriptor]]]);
    await copyImage(listing(from, lists), 'v1', to, all);
    assert.equal((await to.manifests.resolve('v1'))?.digest, root.descriptor.digest);
    assert.equal(await to.manifests.resolve(foreign.descriptor.digest), undefined);
  });

  it('a copy refuses a chain of referrers that is too long, and writes no tag', async () => {
    const from = place();
    let subject = await giveImage(from, {}, 'v1');
    for (let at = 0; at < 9; at++) subject = await refer(from, subject, `${at}`);
    const to = place();
    await assert.rejects(copyImage(from, 'v1', to, all), (error) => {
      assert.ok(error instanceof CopyError);
      assert.deepEqual(
        [error.side, error.step, error.code],
        ['source', 'list referrers', 'MANIFEST_INVALID'],
      );
      return true;
    });
    assert.equal(await to.manifests.resolve('v1'), undefined);
  });

  it('a copy includes the manifests under the tags of cosign, and their content', async () => {
    const from = place();
    const root = await giveImage(from, {}, 'v1');
    const base = `sha256-${digestEncoded(root.descriptor.digest)}`;
    const signature = await giveImage(from, { layers: [blobOf('signature')] }, `${base}.sig`);
    const ofSignature = await refer(from, signature, 'of the signature');
    const to = place();
    await copyImage(from, 'v1', to, all);
    assert.equal((await to.manifests.resolve(`${base}.sig`))?.digest, signature.descriptor.digest);
    assert.deepEqual(await referrersOf(to, signature), [ofSignature.descriptor.digest]);
    assert.equal(await to.manifests.resolve(`${base}.att`), undefined);
  });

  it('a referrer that the destination has and does not list is put again', async () => {
    const from = place();
    const root = await giveImage(from, {}, 'v1');
    const referrer = await refer(from, root, 'one');
    const to = place();
    await copyImage(from, 'v1', to, all);
    const silent = watched(listing(to, new Map()));
    await copyImage(from, 'v1', silent.repository, all);
    assert.ok(silent.of('put').includes(referrer.descriptor.digest));
    const honest = watched(to);
    await copyImage(from, 'v1', honest.repository, all);
    assert.ok(!honest.of('put').includes(referrer.descriptor.digest));
  });

  it('a sparse copy takes the referrers of the chosen image and of the index only', async () => {
    const from = place();
    const one = await giveImage(from, { layers: [blobOf('one')] });
    const two = await giveImage(from, { layers: [blobOf('two')] });
    const index = indexOf([
      { ...one.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
      { ...two.descriptor, platform: { os: 'linux', architecture: 'arm64' } },
    ]);
    await from.manifests.put(index, { tags: ['v1'] });
    const [ofIndex, ofOne, ofTwo] = [
      await refer(from, index, 'index'),
      await refer(from, one, 'amd64'),
      await refer(from, two, 'arm64'),
    ];
    const to = place();
    await copyImage(from, 'v1', to, { ...all, platforms: ['linux/arm64'], sparse: true });
    const there = async ({ descriptor }: Manifest) =>
      (await to.manifests.resolve(descriptor.digest)) !== undefined;
    assert.deepEqual(await Promise.all([ofIndex, ofTwo, ofOne, one].map(there)), [true, true, false, false]);
  });

  for (const [side, code] of [
    ['source', 'CUT_OFF'],
    ['destination', 'UNSUPPORTED'],
  ] as const) {
    it(`a copy whose ${side} fails to list referrers sets no tag and names the side`, async () => {
      const from = place();
      const root = await giveImage(from, {}, 'v1');
      const referrer = await refer(from, root, 'one');
      const to = place();
      if (side === 'destination') await copyImage(from, referrer.descriptor.digest, to);
      const reason =
        code === 'CUT_OFF' ? new TransportError(code, 'cut') : new UnsupportedError('referrers', 'no list');
      const failing = (repository: Repository): Repository => ({
        ...repository,
        // biome-ignore lint/correctness/useYield: it fails before the first item.
        async *referrers() {
          throw reason;
        },
      });
      const copying =
        side === 'source' ? copyImage(failing(from), 'v1', to, all) : copyImage(from, 'v1', failing(to), all);
      await assert.rejects(copying, (error) => {
        assert.ok(error instanceof CopyError);
        assert.deepEqual([error.side, error.step, error.code], [side, 'list referrers', code]);
        return true;
      });
      assert.equal(await to.manifests.resolve('v1'), undefined);
    });
  }

  it('a copy ends with the error of a referrer whose blob is missing, and sets no tag', async () => {
    const from = place();
    const root = await giveImage(from, {}, 'v1');
    const lost = blobOf('lost');
    await refer(from, root, 'lost');
    const without: Repository = {
      ...from,
      blobs: {
        ...from.blobs,
        open(blob) {
          const digest = typeof blob === 'string' ? blob : blob.digest;
          if (digest !== lost.descriptor.digest) return from.blobs.open(blob);
          return {
            replayable: true,
            // biome-ignore lint/correctness/useYield: it fails before the first byte.
            async *open() {
              throw new NotFoundError('BLOB_UNKNOWN', 'lost');
            },
          };
        },
      },
    };
    const to = place();
    await failsWith(copyImage(without, 'v1', to, all), 'BLOB_UNKNOWN');
    assert.equal(await to.manifests.resolve('v1'), undefined);
  });

  it('a copy with referrers and without tags stores the root under its digest only', async () => {
    const from = place();
    const root = await giveImage(from, {}, 'v1');
    const referrer = await refer(from, root, 'one');
    await give(from, blobOf('unrelated'));
    const to = place();
    await copyImage(from, 'v1', to, { referrers: true });
    assert.deepEqual(await listOf(to.tags.list()), []);
    assert.deepEqual(await referrersOf(to, root), [referrer.descriptor.digest]);
  });
});
