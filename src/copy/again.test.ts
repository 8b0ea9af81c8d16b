import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, giveImage, indexOf } from '../testing/contract/sample.ts';
import { type CopyOptions, copyImage } from './copy.ts';
import type { CopyEvent } from './events.ts';
import { overProtocol } from './stage.test.support.ts';

/** An index of six images. */
async function giveSix(place: Repository): Promise<void> {
  const images = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
    giveImage(place, { layers: [blobOf('shared'), blobOf(name)] }),
  );
  const index = indexOf((await Promise.all(images)).map(({ descriptor }) => descriptor));
  await place.manifests.put(index, { tags: ['v1'] });
}

/** Unlimited patience: the tests check the requests, and not the speed of this machine. */
const again: CopyOptions = { tags: ['v1'], patience: 60_000 };

const isRoot = ({ url }: { readonly url: string }): boolean => url.endsWith('/manifests/v1');

describe('a repeated copy of an index', () => {
  it('needless-requests: a repeated copy sends one request to each side and reads no manifest', async () => {
    const [from, to] = [overProtocol(), overProtocol()];
    await giveSix(from.inside);
    const first = await copyImage(from.remote, 'v1', to.remote, again);
    from.asked.length = 0;
    to.asked.length = 0;
    const events: CopyEvent[] = [];
    const second = await copyImage(from.remote, 'v1', to.remote, {
      ...again,
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(second, first);
    assert.deepEqual([from.asked, to.asked], [['HEAD manifests/v1'], ['HEAD manifests/v1']]);
    assert.deepEqual(
      events.map((event) => (event.kind === 'manifest' ? event.outcome : event.kind)),
      ['existed', 'end'],
    );
  });

  it('needless-requests: a repeated push from this machine sends one request to the destination', async () => {
    const to = overProtocol();
    const from = createMemoryRegistry().repository('acme/from');
    await giveSix(from);
    await copyImage(from, 'v1', to.remote, again);
    to.asked.length = 0;
    await copyImage(from, 'v1', to.remote, again);
    assert.deepEqual(to.asked, ['HEAD manifests/v1']);
  });

  it('needless-requests: a repeated copy does not wait for a slow destination', async () => {
    const wanted = new AbortController();
    const asked = once(wanted.signal, 'abort');
    const from = overProtocol((send) => (request) => {
      if (isRoot(request)) wanted.abort();
      return send(request);
    });
    const to = overProtocol((send) => async (request) => {
      // The destination answers only after the source was asked.
      if (isRoot(request) && request.method === 'HEAD') await asked;
      return send(request);
    });
    await giveSix(from.inside);
    await giveSix(to.inside);
    await copyImage(from.remote, 'v1', to.remote, { ...again, patience: 1 });
    assert.equal(from.asked[0], 'GET manifests/v1');
  });

  it('needless-requests: a copy asks for no blob of a child that the destination has', async () => {
    const [from, to] = [overProtocol(), overProtocol()];
    await giveSix(from.inside);
    await copyImage(from.remote, 'v1', to.remote, again);
    to.asked.length = 0;
    await copyImage(from.remote, 'v1', to.remote, { ...again, tags: ['v2'] });
    assert.deepEqual(
      to.asked.filter((one) => one.includes('blobs')),
      [],
    );
  });

  for (const [name, options] of [
    ['platforms', { platforms: [{ os: 'linux', architecture: 'amd64' }], sparse: true }],
    ['layers that are not distributed', { nondistributable: true }],
    ['referrers', { referrers: true }],
    ['repair', { repair: true }],
  ] as const) {
    it(`needless-requests: a copy with ${name} does not trust an existing root, below which content may be missing`, async () => {
      const [from, to] = [overProtocol(), overProtocol()];
      const image = await giveImage(from.inside, { layers: [blobOf('a')] });
      const entry = { ...image.descriptor, platform: { os: 'linux', architecture: 'amd64' } };
      await from.inside.manifests.put(indexOf([entry]), { tags: ['v1'] });
      await copyImage(from.remote, 'v1', to.remote, again);
      from.asked.length = 0;
      await copyImage(from.remote, 'v1', to.remote, { ...again, ...options });
      assert.ok(from.asked.includes('GET manifests/v1'));
    });
  }
});
