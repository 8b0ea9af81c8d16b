import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StorageError } from '../../src/errors.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { giveImage, imageOf, indexOf, listOf } from '../../src/testing/contract/sample.ts';
import { withFaults } from '../../src/testing/faults.ts';
import { cacheStage, connectedStage } from './stage.ts';

describe('a tag through a cache', () => {
  it('a tag costs a HEAD and a GET the first time, and then a HEAD', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    const image = await giveImage(place.repository('acme/app'), {}, '1');
    const first = await ask('GET /v2/acme/app/manifests/1');
    assert.equal(first.status, 200);
    assert.deepEqual(new Uint8Array(first.bytes), image.bytes);
    assert.deepEqual(taken(), ['HEAD manifest.head', 'GET manifest.get']);
    const again = await ask('GET /v2/acme/app/manifests/1');
    assert.deepEqual(again.bytes, first.bytes);
    assert.deepEqual(again.headers, first.headers);
    assert.deepEqual(taken(), ['HEAD manifest.head']);
  });

  it('a client finds a tag through the cache as a mirror, and names the registry', async (test) => {
    const { place, ask } = cacheStage(test);
    await giveImage(place.repository('library/alpine'), {}, '3');
    assert.equal((await ask('HEAD /v2/library/alpine/manifests/3?ns=docker.io')).status, 200);
    assert.equal((await ask('GET /v2/library/alpine/manifests/3?ns=docker.io')).status, 200);
  });

  it('a HEAD of a tag costs a HEAD, and nothing is fetched', async (test) => {
    const { place, ask, taken, cache } = cacheStage(test);
    const { descriptor } = await giveImage(place.repository('acme/app'), {}, '1');
    const { status, headers } = await ask('HEAD /v2/acme/app/manifests/1');
    assert.equal(status, 200);
    assert.deepEqual(headers['docker-content-digest'], [descriptor.digest]);
    assert.deepEqual(taken(), ['HEAD manifest.head']);
    assert.deepEqual(await listOf(cache.repositories()), []);
  });

  it('a moved tag is requested again, and has its new manifest from then on', async (test) => {
    const { place, cache, ask, taken } = cacheStage(test);
    await giveImage(place.repository('a'), {}, '1');
    await ask('GET /v2/a/manifests/1');
    const moved = await giveImage(place.repository('a'), { annotations: { a: 'b' } }, '1');
    taken();
    const { headers } = await ask('GET /v2/a/manifests/1');
    assert.deepEqual(headers['docker-content-digest'], [moved.descriptor.digest]);
    assert.deepEqual(taken(), ['HEAD manifest.head', 'GET manifest.get']);
    assert.deepEqual(await cache.repository('a').manifests.resolve('1'), moved.descriptor);
  });

  it('a tag that moves to a stored manifest moves without a GET', async (test) => {
    const { place, cache, ask, taken } = cacheStage(test);
    const inside = place.repository('a');
    const [one, two] = [
      await giveImage(inside, {}, '1'),
      await giveImage(inside, { annotations: { a: 'b' } }, '2'),
    ];
    await ask('GET /v2/a/manifests/1');
    await ask('GET /v2/a/manifests/2');
    await inside.manifests.put(two, { tags: ['1'] });
    taken();
    assert.deepEqual((await ask('GET /v2/a/manifests/1')).headers['docker-content-digest'], [
      two.descriptor.digest,
    ]);
    assert.deepEqual(taken(), ['HEAD manifest.head']);
    assert.deepEqual(await cache.repository('a').manifests.resolve('1'), two.descriptor);
    assert.notEqual(await cache.repository('a').manifests.resolve(one.descriptor.digest), undefined);
  });

  it('a tag is valid for the chosen time, and no longer', async (test) => {
    let time = 0;
    const { place, ask, taken } = cacheStage(test, { ttl: 60_000, now: () => time });
    await giveImage(place.repository('a'), {}, '1');
    await ask('GET /v2/a/manifests/1');
    taken();
    time = 59_999;
    assert.equal((await ask('GET /v2/a/manifests/1')).status, 200);
    assert.deepEqual(taken(), []);
    time = 60_000;
    assert.equal((await ask('GET /v2/a/manifests/1')).status, 200);
    assert.deepEqual(taken(), ['HEAD manifest.head']);
  });

  it('a tag that the upstream has deleted is gone in the cache', async (test) => {
    const { place, cache, ask, taken } = cacheStage(test);
    const { descriptor } = await giveImage(place.repository('a'), {}, '1');
    await ask('GET /v2/a/manifests/1');
    await place.repository('a').tags.delete('1');
    assert.equal((await ask('GET /v2/a/manifests/1')).code, 'MANIFEST_UNKNOWN');
    assert.equal(await cache.repository('a').manifests.resolve('1'), undefined);
    taken();
    // The manifest of the tag is still the same.
    assert.equal((await ask(`GET /v2/a/manifests/${descriptor.digest}`)).status, 200);
    assert.deepEqual(taken(), []);
  });

  it('many requests for a tag at the same time cost as much as one', async (test) => {
    const { place, ask, taken } = await connectedStage(test);
    await giveImage(place.repository('a'), {}, '1');
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('GET /v2/a/manifests/1')));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.deepEqual(taken(), ['HEAD manifest.head', 'GET manifest.get']);
  });

  it('the other clients wait for a tag when the first one leaves', async (test) => {
    const door = new AbortController();
    const opened = new Promise((resolve) => door.signal.addEventListener('abort', resolve));
    const { place, ask, taken } = cacheStage(test, {
      upstream: (next) => async (request) => {
        await opened;
        request.signal?.throwIfAborted();
        return next(request);
      },
    });
    await giveImage(place.repository('a'), {}, '1');
    const abort = new AbortController();
    const first = ask('GET /v2/a/manifests/1', { signal: abort.signal });
    const second = ask('GET /v2/a/manifests/1');
    abort.abort(new Error('gone'));
    await assert.rejects(first, /gone/);
    door.abort();
    assert.equal((await second).status, 200);
    assert.deepEqual(taken(), ['HEAD manifest.head', 'GET manifest.get']);
  });

  it('a tag has the same digest with and without an addition of the upstream', async (test) => {
    const { place, cache, ask, taken } = cacheStage(test, {
      rename: (name) => (name.includes('/') ? name : `library/${name}`),
    });
    await giveImage(place.repository('library/alpine'), {}, '3');
    assert.equal((await ask('GET /v2/alpine/manifests/3')).status, 200);
    taken();
    assert.equal((await ask('GET /v2/library/alpine/manifests/3')).status, 200);
    assert.deepEqual(taken(), ['HEAD manifest.head']);
    assert.deepEqual(await listOf(cache.repositories()), ['library/alpine']);
    assert.equal((await ask('GET /v2/alpine/tags/list')).text, '{"name":"alpine","tags":["3"]}');
  });
});

describe('a manifest by its digest through a cache', () => {
  it('a manifest is requested by digest once, and never again', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    const { descriptor } = await giveImage(place.repository('a'));
    const url = `/v2/a/manifests/${descriptor.digest}`;
    assert.equal((await ask(`GET ${url}`)).status, 200);
    assert.deepEqual(taken(), ['HEAD manifest.head', 'GET manifest.get']);
    assert.equal((await ask(`GET ${url}`)).status, 200);
    assert.equal((await ask(`HEAD ${url}`)).status, 200);
    assert.deepEqual(taken(), []);
  });

  it('a manifest is not available in a repository that lacks it', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    const { descriptor } = await giveImage(place.repository('a'));
    await ask(`GET /v2/a/manifests/${descriptor.digest}`);
    taken();
    const other = await ask(`GET /v2/b/manifests/${descriptor.digest}`);
    assert.equal(other.code, 'MANIFEST_UNKNOWN');
    assert.deepEqual(taken(), ['HEAD manifest.head']);
  });

  it('a manifest of an index is stored before its images', async (test) => {
    const { place, ask, cache } = cacheStage(test);
    const inside = place.repository('a');
    const index = indexOf([(await giveImage(inside)).descriptor]);
    await inside.manifests.put(index, { tags: ['all'] });
    assert.equal((await ask('GET /v2/a/manifests/all')).status, 200);
    assert.deepEqual(await cache.repository('a').manifests.resolve('all'), index.descriptor);
  });

  it('a manifest with other bytes is refused and not stored', async (test) => {
    const { place, ask, cache, failures } = cacheStage(test, {
      upstream: withFaults([
        {
          when: { operation: 'manifest.get' },
          effect: { body: '{"schemaVersion":2,"manifests":[]}' },
          times: 'always',
        },
      ]),
    });
    const { descriptor } = await giveImage(place.repository('a'), {}, '1');
    const { status, code } = await ask('GET /v2/a/manifests/1');
    assert.deepEqual({ status, code }, { status: 502, code: 'UNAVAILABLE' });
    assert.equal(await cache.repository('a').manifests.resolve(descriptor.digest), undefined);
    assert.equal(failures.length, 1);
  });

  it('a cache that cannot store a manifest still serves it', async (test) => {
    const full = new StorageError('NO_SPACE', 'the disk is full', { path: '/' });
    const { place, ask, failures } = cacheStage(test, { cache: takesNoManifests(full) });
    await giveImage(place.repository('a'), {}, '1');
    assert.equal((await ask('GET /v2/a/manifests/1')).status, 200);
    assert.deepEqual(
      failures.map(({ error, served }) => ({ error, served })),
      [{ error: full, served: true }],
    );
  });
});

describe('a list through a cache', () => {
  it('the list of tags is the upstream’s, page by page', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    await giveImage(place.repository('a'), {}, '1', '2', '3');
    const page = await ask('GET /v2/a/tags/list?n=2');
    assert.equal(page.text, '{"name":"a","tags":["1","2"]}');
    assert.deepEqual(page.headers['link'], ['</v2/a/tags/list?n=2&last=2>; rel="next"']);
    assert.equal((await ask('GET /v2/a/tags/list?n=2&last=2')).text, '{"name":"a","tags":["3"]}');
    assert.equal(taken()[0], 'GET tags.list');
    assert.equal((await ask('GET /v2/b/tags/list')).code, 'NAME_UNKNOWN');
  });

  it('the list of referrers is the upstream’s', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    const inside = place.repository('a');
    const subject = (await giveImage(inside)).descriptor;
    await inside.manifests.put(imageOf({ subject, artifactType: 'application/x.note' }));
    const { status, text } = await ask(`GET /v2/a/referrers/${subject.digest}`);
    assert.equal(status, 200);
    assert.ok(text.includes('application/x.note'));
    assert.ok(taken().includes('GET referrers'));
  });

  it('the list of repositories has the stored ones', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    await giveImage(place.repository('a'), {}, '1');
    await giveImage(place.repository('b'), {}, '1');
    assert.equal((await ask('GET /v2/_catalog')).text, '{"repositories":[]}');
    await ask('GET /v2/b/manifests/1');
    taken();
    assert.equal((await ask('GET /v2/_catalog')).text, '{"repositories":["b"]}');
    assert.deepEqual(taken(), []);
  });
});

function takesNoManifests(error: Error): Registry {
  const memory = createMemoryRegistry();
  return {
    ...memory,
    repository(name) {
      const repository = memory.repository(name);
      return { ...repository, manifests: { ...repository.manifests, put: () => Promise.reject(error) } };
    },
  };
}
