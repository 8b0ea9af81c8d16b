import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLine } from '../../src/http/line.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, emptyConfig, give, giveImage, imageOf, indexOf } from '../../src/testing/contract/sample.ts';
import { type Fault, type FaultEffect, withFaults } from '../../src/testing/faults.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import type { HttpResponse, Middleware } from '../../src/wire/message.ts';
import { basicOf, secret } from '../secret.ts';
import { type CacheStage, cacheStage, connectedStage } from './stage.ts';

const layer = blobOf('a layer');
const absent = blobOf('nobody has it').descriptor.digest;

/** Makes an upstream without faults, until `fail` sets some. */
function failing(): { readonly upstream: Middleware; readonly fail: (...faults: readonly Fault[]) => void } {
  let faults: readonly Fault[] = [];
  return {
    upstream: (next) => (request) => withFaults(faults)(next)(request),
    fail: (...all) => {
      faults = all;
    },
  };
}

const always = (effect: FaultEffect): Fault => ({ effect, times: 'always' });

interface Filled extends CacheStage {
  readonly digest: string;
  readonly subject: string;
}

/** Fills the cache with the manifest of `a:1`, its blobs and the note of its tag. */
async function filled(stage: CacheStage): Promise<Filled> {
  const inside = stage.place.repository('a');
  const image = await giveImage(inside, { layers: [layer] }, '1', '2');
  const note = imageOf({ subject: image.descriptor, artifactType: 'application/x.note' });
  await inside.manifests.put(note);
  const { digest } = image.descriptor;
  for (const reference of ['1', note.descriptor.digest]) await stage.ask(`GET /v2/a/manifests/${reference}`);
  for (const { descriptor } of [layer, emptyConfig]) await stage.ask(`GET /v2/a/blobs/${descriptor.digest}`);
  return { ...stage, digest, subject: digest };
}

const away: readonly [name: string, effect: FaultEffect][] = [
  ['can not be reached', { cut: { of: 'request', after: 0 } }],
  ['has trouble of its own', { status: 503 }],
  ['wants fewer requests', { status: 429, headers: { 'retry-after': '1' } }],
  ['answers everything with a web page', { status: 200, body: '<html>' }],
];

for (const [how, effect] of away) {
  describe(`a cache whose upstream ${how}`, () => {
    it(`a cache whose upstream ${how} serves its content`, async (test) => {
      const { upstream, fail } = failing();
      const { ask, digest, failures } = await filled(cacheStage(test, { upstream }));
      fail(always(effect));
      for (const target of [
        '/v2/a/manifests/1',
        `/v2/a/manifests/${digest}`,
        `/v2/a/blobs/${layer.descriptor.digest}`,
        '/v2/_catalog',
      ]) {
        assert.equal((await ask(`GET ${target}`)).status, 200, target);
      }
      assert.equal((await ask('GET /v2/a/tags/list')).text, '{"name":"a","tags":["1"]}');
      assert.ok(failures.length >= 2);
      assert.ok(failures.every(({ served }) => served));
    });

    it(`a cache whose upstream ${how} calls nothing missing that may exist`, async (test) => {
      const { upstream, fail } = failing();
      const { ask, failures } = await filled(cacheStage(test, { upstream }));
      fail(always(effect));
      for (const target of [
        '/v2/a/manifests/2',
        `/v2/a/manifests/${absent}`,
        `/v2/a/blobs/${absent}`,
        '/v2/b/tags/list',
      ]) {
        const { status, code } = await ask(`GET ${target}`);
        const expected = effect.status === 429 ? [429, 'TOOMANYREQUESTS'] : [502, 'UNAVAILABLE'];
        assert.deepEqual([status, code], expected, target);
      }
      assert.ok(failures.length >= 3);
      assert.ok(failures.every(({ served }) => !served));
    });
  });
}

describe('a cache', () => {
  it('a cache lists its own referrers when the upstream has gone', async (test) => {
    const { upstream, fail } = failing();
    const { ask, subject } = await filled(cacheStage(test, { upstream }));
    fail(always({ cut: { of: 'request', after: 0 } }));
    const { status, text } = await ask(`GET /v2/a/referrers/${subject}`);
    assert.equal(status, 200);
    assert.ok(text.includes('application/x.note'));
  });

  it('a cache answers 504 when the upstream gave no answer in time', async (test) => {
    const { upstream, fail } = failing();
    const { ask } = await filled(
      cacheStage(test, {
        upstream,
        line: (transport) =>
          createLine({ transport, retry: { attempts: 1 }, timeouts: { answer: 1, progress: 1 } }),
      }),
    );
    fail(always({ stall: { of: 'request', after: 0 } }));
    for (const target of ['manifests/2', `blobs/${absent}`]) {
      const { status, code } = await ask(`GET /v2/a/${target}`);
      assert.deepEqual([status, code], [504, 'UNAVAILABLE'], target);
    }
  });

  it('a cache with an answer of its own waits for a silent upstream only for its limit', async (test) => {
    const { upstream, fail } = failing();
    let time = 0;
    const options = { upstream, patience: 1, now: () => time };
    const { ask, digest, taken, failures } = await filled(cacheStage(test, options));
    fail(always({ stall: { of: 'request', after: 0 } }));
    taken();
    for (const at of [0, 0.5, 1]) {
      time = at;
      const { headers } = await ask('GET /v2/a/manifests/1');
      assert.deepEqual(headers['docker-content-digest'], [digest]);
    }
    // At 0.5 the cache still knew the silence.
    assert.deepEqual(taken(), ['HEAD manifest.head', 'HEAD manifest.head']);
    assert.equal(failures.length, 2);
    fail();
    time = 2;
    assert.equal((await ask('GET /v2/a/manifests/2')).status, 200);
  });

  it('a cache with a patient line waits as long as the upstream asks for', async (test) => {
    const slower: Fault = { effect: { status: 429, headers: { 'retry-after': '0' } }, times: 2 };
    const { place, ask, requests, failures } = cacheStage(test, {
      upstream: withFaults([slower]),
      line: (transport) => createLine({ transport, retry: { attempts: 3 } }),
    });
    await giveImage(place.repository('a'), {}, '1');
    assert.equal((await ask('GET /v2/a/manifests/1')).status, 200);
    assert.deepEqual(
      requests.map(({ status }) => status),
      [429, 429, 200, 200],
    );
    assert.deepEqual(failures, []);
  });

  for (const [status, code] of [
    [429, 'TOOMANYREQUESTS'],
    [503, 'UNAVAILABLE'],
  ] as const) {
    it(`a cache hands a Retry-After beyond a minute of ${status} on to its client, after one request`, async (test) => {
      const waiting: Fault = { effect: { status, headers: { 'retry-after': '3600' } } };
      const { ask, requests } = cacheStage(test, {
        upstream: withFaults([waiting]),
        line: (transport) => createLine({ transport }),
      });
      const answer = await ask('GET /v2/a/manifests/1');
      assert.deepEqual([answer.status, answer.code], [status, code]);
      assert.deepEqual(answer.headers['retry-after'], ['3600']);
      assert.equal(requests.length, 1);
    });
  }

  it('a cache serves the content of an earlier process without an upstream', async (test) => {
    const first = failing();
    const { cache, digest } = await filled(await connectedStage(test, { upstream: first.upstream }));
    const gone = withFaults([always({ cut: { of: 'request', after: 0 } })]);
    const { ask } = cacheStage(test, { cache, upstream: gone });
    assert.deepEqual((await ask('GET /v2/a/manifests/1')).headers['docker-content-digest'], [digest]);
    assert.equal((await ask(`GET /v2/a/blobs/${layer.descriptor.digest}`)).text, 'a layer');
  });

  for (const status of [401, 403]) {
    it(`clients of a cache that gets ${status} are refused, and not told how to log in at the upstream`, async (test) => {
      const { upstream, fail } = failing();
      const { ask, failures } = await filled(cacheStage(test, { upstream }));
      fail(
        always({
          status,
          headers: { 'www-authenticate': 'Bearer realm="https://upstream.test/token",service="upstream"' },
          body: '{"errors":[{"code":"UNAUTHORIZED","message":"account of-the-cache may not"}]}',
        }),
      );
      for (const target of ['manifests/1', 'manifests/2', 'tags/list', `blobs/${absent}`]) {
        const answer = await ask(`GET /v2/a/${target}`);
        assert.deepEqual([answer.status, answer.code], [403, 'DENIED'], target);
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.ok(!/upstream\.test|of-the-cache/.test(answer.text + JSON.stringify(answer.headers)));
      }
      assert.equal(failures.length, 4);
    });
  }

  // id: s15-upstream-text
  it('a cache does not repeat the upstream’s text about its account', async (test) => {
    const { ask } = cacheStage(test, {
      upstream: withFaults([
        always({
          status: 429,
          body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"limit reached as of-the-cache"}]}',
        }),
      ]),
    });
    const { status, text } = await ask('GET /v2/a/manifests/1');
    assert.equal(status, 429);
    assert.ok(!text.includes('of-the-cache'));
  });

  // id: s15-client-hidden
  it('a cache tells the upstream nothing about its own clients', async (test) => {
    const { place, ask, requests } = cacheStage(test);
    await giveImage(place.repository('a'), {}, '1');
    await ask('GET /v2/a/manifests/1', {
      headers: { authorization: basicOf('alice', secret('client')), cookie: `a=${secret('client')}` },
    });
    for (const { headers } of requests) {
      assert.equal(headers['authorization'], undefined);
      assert.equal(headers['cookie'], undefined);
    }
  });

  it('a cache with a login of its own does not ask the upstream for clients without the right to pull', async (test) => {
    const { through, place, taken } = cacheStage(test);
    await giveImage(place.repository('open/a'), {}, '1');
    await giveImage(place.repository('closed/a'), {}, '1');
    await using server = await startRegistry({
      registry: through,
      login: {
        users: { me: 'word' },
        rules: [{ repositories: ['open/*'], anonymous: true, allow: ['pull'] }],
      },
    });
    assert.equal((await fetch(`${server.url}/v2/closed/a/manifests/1`)).status, 401);
    assert.deepEqual(taken(), []);
    assert.equal((await fetch(`${server.url}/v2/open/a/manifests/1`)).status, 200);
    assert.deepEqual(taken(), ['HEAD manifest.head', 'GET manifest.get']);
  });

  const changes = [
    'PUT /v2/a/manifests/1',
    'POST /v2/a/blobs/uploads/',
    `POST /v2/a/blobs/uploads/?mount=${absent}&from=b`,
    `DELETE /v2/a/blobs/${layer.descriptor.digest}`,
    'DELETE /v2/a/manifests/1',
    `DELETE /v2/a/manifests/${absent}`,
  ];
  for (const line of changes) {
    it(`a cache refuses ${line.replace(/sha256:\w+/, 'DIGEST')}`, async (test) => {
      const { send, taken, place } = cacheStage(test);
      await give(place.repository('a'), layer);
      const [method = '', url = ''] = line.split(' ');
      const { bytes } = indexOf([]);
      const headers = { 'content-type': ['application/vnd.oci.image.index.v1+json'] };
      const body = method === 'PUT' ? { body: blobOf(bytes).content } : {};
      const response: HttpResponse = await send({ method, url, headers, replay: 'never', ...body });
      assert.equal(response.status, 405);
      assert.deepEqual(taken(), []);
    });
  }

  it('a cache of a cache treats it like any registry', async (test) => {
    const first = cacheStage(test);
    await giveImage(first.place.repository('a'), {}, '1');
    const second = cacheStage(test, { upstream: () => first.send, cache: createMemoryRegistry() });
    assert.equal((await second.ask('GET /v2/a/manifests/1')).status, 200);
    // The second one asks by tag and then by digest, which the first has not yet either.
    assert.deepEqual(first.taken(), ['HEAD manifest.head', 'HEAD manifest.head', 'GET manifest.get']);
  });
});
