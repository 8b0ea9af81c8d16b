import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, giveImage, indexOf } from '../testing/contract/sample.ts';
import { type CopyOptions, copyImage } from './copy.ts';
import { watched } from './watched.test.support.ts';

const place = (): Repository => createMemoryRegistry().repository('acme/app');
const refusal = new Error('no signature');

async function scene() {
  const from = place();
  const one = await giveImage(from, { layers: [blobOf('one')] }, 'one');
  const two = await giveImage(from, { layers: [blobOf('two')] });
  const index = indexOf([
    { ...one.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
    { ...two.descriptor, platform: { os: 'linux', architecture: 'arm64' } },
  ]);
  await from.manifests.put(index, { tags: ['v1'] });
  const announced: number[] = [];
  const told = { ...place(), preconnect: (requests: number) => void announced.push(requests) };
  return { from, one, two, index, announced, to: watched(told) };
}

const forms: Readonly<Record<string, CopyOptions>> = {
  'a copy with a tag': { tags: ['v1'] },
  'a copy with several tags': { tags: ['v1', 'v2'] },
  'a copy without a tag': {},
  'a copy with referrers': { tags: ['v1'], referrers: true },
  'a copy of one platform': { tags: ['v1'], platforms: ['linux/arm64'] },
  'a sparse copy': { tags: ['v1'], platforms: ['linux/arm64'], sparse: true },
  'a copy that repairs': { tags: ['v1'], repair: true },
  'a copy to new tags': { tags: ['v1'], tagsAreNew: true },
};

describe('admit', () => {
  for (const [sentence, options] of Object.entries(forms)) {
    it(`${sentence} sends the destination nothing before admit has settled`, async () => {
      const { from, to, announced, index, two } = await scene();
      const asked: string[] = [];
      const admit: CopyOptions['admit'] = async (root, source) => {
        asked.push(root.descriptor.digest);
        assert.equal(source, from);
        // Time for a request that does not wait for the decision.
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual([to.notes, announced], [[], []]);
      };
      const { digest } = await copyImage(from, 'v1', to.repository, { ...options, admit });
      const chosen = options.platforms !== undefined && options.sparse !== true ? two : index;
      assert.deepEqual([digest, asked], [chosen.descriptor.digest, [chosen.descriptor.digest]]);
      assert.ok(to.of('put').includes(digest));
    });

    it(`${sentence} that admit rejects ends with the error of admit and leaves the destination untouched`, async () => {
      const { from, to, announced } = await scene();
      const copying = copyImage(from, 'v1', to.repository, {
        ...options,
        admit: () => Promise.reject(refusal),
      });
      await assert.rejects(copying, (error) => error === refusal);
      assert.deepEqual([to.notes, announced], [[], []]);
    });
  }

  it('a copy ends with the error that a synchronous admit throws', async () => {
    const { from, to } = await scene();
    const copying = copyImage(from, 'v1', to.repository, {
      admit() {
        throw refusal;
      },
    });
    await assert.rejects(copying, (error) => error === refusal);
    assert.deepEqual(to.notes, []);
  });

  it('a copy of an image that exists under its tag asks admit, and then sends one question', async () => {
    const { from, to } = await scene();
    await copyImage(from, 'v1', to.repository, { tags: ['v1'] });
    const before = to.notes.length;
    let asked = 0;
    await copyImage(from, 'v1', to.repository, { tags: ['v1'], admit: () => void asked++ });
    assert.equal(asked, 1);
    assert.deepEqual(to.notes.slice(before), [{ step: 'resolve', what: 'v1' }]);
  });

  it('a copy that is aborted during admit ends with the reason of the abort', async () => {
    const { from, to } = await scene();
    const end = new AbortController();
    const admit = (): void => end.abort(refusal);
    const copying = copyImage(from, 'v1', to.repository, { signal: end.signal, admit });
    await assert.rejects(copying, (error) => error === refusal);
    assert.deepEqual(to.notes, []);
  });

  it('a destination that refuses a root by what it is comes before admit', async () => {
    const { from, to } = await scene();
    const refusing: Repository = {
      ...to.repository,
      admit() {
        throw refusal;
      },
    };
    let asked = 0;
    await failsWith(copyImage(from, 'v1', refusing, { admit: () => void asked++ }), 'COPY_FAILED');
    assert.equal(asked, 0);
  });

  it('an admit that is no function is refused before any request', async () => {
    const { from, to } = await scene();
    const options: object = { admit: 'yes' };
    await failsWith(copyImage(from, 'v1', to.repository, options), 'INVALID_OPTION');
  });
});
