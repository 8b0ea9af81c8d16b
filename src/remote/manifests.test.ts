import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { retry } from '../http/retry.ts';
import { encodeManifest, parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { emptyConfig, failsWith, give, giveImage, imageOf, listOf } from '../testing/contract/sample.ts';
import type { Clock } from '../time/clock.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { answer, errorAnswer } from '../wire/reply.ts';
import { createRemoteRegistry } from './registry.ts';

interface Started {
  readonly repository: Repository;
  readonly place: Repository;
  readonly asked: string[];
  readonly requests: HttpRequest[];
}

async function start(habit: Middleware = (next) => next): Promise<Started> {
  const registry = createMemoryRegistry();
  const place = registry.repository('acme/app');
  await give(place, emptyConfig);
  const send = habit(createApp(registry));
  const requests: HttpRequest[] = [];
  const asked: string[] = [];
  const remote = createRemoteRegistry({
    base: 'http://registry.test',
    send: (request) => {
      requests.push(request);
      asked.push(
        `${request.method} ${request.url.replace(/.*\/manifests\//, '').replace(/sha\d+:\w+/, 'DIGEST')}`,
      );
      return send(request);
    },
  });
  return { repository: remote.repository('acme/app'), place, asked, requests };
}

/** A registry that ignores the parameter `tag`. */
const withoutTags: Middleware = (next) => (request) =>
  next({ ...request, url: request.url.replace(/\?.*/, '') });

const refusingTags =
  (status: number): Middleware =>
  (next) =>
  async (request) =>
    request.url.includes('?tag=') ? answer(status) : next(request);

/** A registry that sets only two tags at once, without saying so. */
const fewTags: Middleware = (next) => (request) =>
  next({ ...request, url: request.url.replace(/(\?tag=\w+&tag=\w+)&.*/, '$1') });

const refusing: Middleware = (next) => async (request) =>
  request.method === 'PUT' ? errorAnswer('MANIFEST_INVALID', 'no') : next(request);

describe('several tags', () => {
  const rows: readonly (readonly [string, Middleware | undefined, readonly string[], readonly string[]])[] = [
    ['several tags take one request', undefined, ['a', 'b', 'c'], ['PUT DIGEST?tag=a&tag=b&tag=c']],
    [
      'many tags go ten by ten',
      undefined,
      Array.from('abcdefghijkl'),
      [`PUT DIGEST?${Array.from('abcdefghij', (tag) => `tag=${tag}`).join('&')}`, 'PUT DIGEST?tag=k&tag=l'],
    ],
    ['equal tags count as one', undefined, ['a', 'a'], ['PUT a']],
    [
      'several tags go one by one if the answer confirms none',
      withoutTags,
      ['a', 'b'],
      ['PUT DIGEST?tag=a&tag=b', 'PUT a', 'PUT b'],
    ],
    [
      'tags that the registry did not set with the others follow',
      fewTags,
      ['a', 'b', 'c'],
      ['PUT DIGEST?tag=a&tag=b&tag=c', 'PUT c'],
    ],
    ...[400, 404, 405, 414, 431].map(
      (status) =>
        [
          `several tags go one by one if the registry answers ${status}`,
          refusingTags(status),
          ['a', 'b'],
          ['PUT DIGEST?tag=a&tag=b', 'PUT a', 'PUT b'],
        ] as const,
    ),
  ];
  for (const [name, habit, tags, expected] of rows) {
    it(name, async () => {
      const { repository, place, asked } = await start(habit);
      await repository.manifests.put(imageOf(), { tags });
      assert.deepEqual(asked, expected);
      assert.deepEqual(await listOf(place.tags.list()), [...new Set(tags)]);
    });
  }

  // id: several-tags-unsupported
  it('several tags go together only once if the registry does not support it', async () => {
    const { repository, asked } = await start(withoutTags);
    await repository.manifests.put(imageOf(), { tags: ['a', 'b'] });
    await repository.manifests.put(imageOf(), { tags: ['c', 'd'] });
    assert.deepEqual(asked.slice(3), ['PUT c', 'PUT d']);
  });

  it('several tags fail like one tag', async () => {
    const { repository } = await start(refusing);
    await failsWith(repository.manifests.put(imageOf(), { tags: ['a', 'b'] }), 'MANIFEST_INVALID');
  });
});

describe('a manifest that is put', () => {
  for (const status of [200, 201, 202]) {
    // id: manifest-put-statuses
    it(`a put manifest is stored when the registry answers ${status}`, async () => {
      const { repository } = await start((next) => async (request) => ({ ...(await next(request)), status }));
      await repository.manifests.put(imageOf(), { tags: ['a'] });
    });
  }

  const { mediaType: _, ...untyped } = JSON.parse(new TextDecoder().decode(imageOf().bytes));
  const schema1 = { schemaVersion: 1, name: 'acme/app', tag: 'a', fsLayers: [] };
  const types: readonly (readonly [string, object, string])[] = [
    [
      'the type in its document',
      { ...untyped, mediaType: MediaType.dockerManifest },
      MediaType.dockerManifest,
    ],
    ['the type of an image if it has none', untyped, MediaType.ociManifest],
    ['the type of an index if it has none', { schemaVersion: 2, manifests: [] }, MediaType.ociIndex],
    ['the type of docker schema 1 if it has none', schema1, MediaType.schema1],
  ];
  for (const [what, value, expected] of types) {
    // id: manifest-sent-unchanged
    it(`a manifest is sent with ${what}`, async () => {
      const { repository, requests } = await start(() => async () => answer(201));
      const bytes = encodeManifest(value);
      await repository.manifests.put(parseManifest(bytes, { digest: digestOf(bytes) }), { tags: ['a'] });
      assert.equal(headerValue(requests[0]?.headers ?? {}, 'content-type'), expected);
    });
  }

  it('a manifest under a sha512 and a tag is stored by that digest, with and without several tags at once', async () => {
    for (const habit of [undefined, withoutTags]) {
      const { repository, place } = await start(habit);
      // The second put knows whether the registry supports the parameter.
      for (const name of ['1', '2']) {
        const manifest = imageOf({ algorithm: 'sha512', annotations: { name } });
        await repository.manifests.put(manifest, { tags: [`tag-${name}`] });
        const { digest } = manifest.descriptor;
        assert.equal((await place.manifests.resolve(digest))?.digest, digest);
        assert.notEqual(await place.manifests.resolve(`tag-${name}`), undefined);
      }
    }
  });
});

const hasty: Clock = {
  now: () => 0,
  after(_, wake) {
    setImmediate(wake);
    return () => undefined;
  },
};

/** Carries the first PUT out and loses its answer. Refuses each PUT under an existing tag with the status. */
const losing =
  (status: number, { isLost = true } = {}): Middleware =>
  (next) => {
    let left = isLost ? 1 : 0;
    const send = async (request: HttpRequest): Promise<HttpResponse> => {
      if (request.method !== 'PUT') return next(request);
      const tags = [...request.url.matchAll(/(?:\?tag=|&tag=|manifests\/)(\w+)(?=[?&]|$)/g)];
      for (const [, tag] of tags) {
        const url = `http://registry.test/v2/acme/app/manifests/${tag}`;
        const { status: there } = await next({ ...request, method: 'HEAD', url });
        if (there === 200) return answer(status);
      }
      const response = await next(request);
      return left-- > 0 ? answer(502) : response;
    };
    return retry({ clock: hasty })(send);
  };

describe('lost-put: the put of a manifest under an immutable tag', () => {
  for (const status of [400, 403, 405, 409, 412]) {
    for (const tags of [['a'], ['a', 'b']]) {
      it(`lost-put: the put under ${tags.join(' and ')} succeeds when its answer is lost and its repetition is refused with ${status}`, async () => {
        const { repository, place } = await start(losing(status));
        const manifest = imageOf();
        await repository.manifests.put(manifest, { tags });
        assert.deepEqual(await listOf(place.tags.list()), tags);
      });
    }

    it(`lost-put: the put fails with ${status} when the tag leads to another manifest`, async () => {
      const { repository, place } = await start(losing(status));
      const taken = await giveImage(place, { annotations: { is: 'another' } }, 'a');
      await assert.rejects(
        repository.manifests.put(imageOf(), { tags: ['a'] }),
        (error) => isGantryError(error) && error.response?.status === status,
      );
      assert.equal((await place.manifests.resolve('a'))?.digest, taken.descriptor.digest);
    });
  }

  it('a refusal without a lost answer costs no further request', async () => {
    const { repository, place, asked } = await start(losing(403, { isLost: false }));
    const manifest = await giveImage(place, {}, 'a');
    await failsWith(repository.manifests.put(manifest, { tags: ['a'] }), 'DENIED');
    assert.deepEqual(asked, ['PUT a']);
  });
});

const noApi: Middleware = (next) => async (request) => {
  if (request.url.includes('/referrers/')) return answer(404);
  const response = await next(request);
  const { 'oci-subject': _, ...headers } = response.headers;
  return { ...response, headers };
};
/** A registry whose fallback tags always read as absent. */
const stale: Middleware = (next) => (request) =>
  request.method === 'GET' && /\/manifests\/sha256-/.test(request.url)
    ? Promise.resolve(answer(404))
    : next(request);

describe('a referrer at a registry without the API', () => {
  it('stale-fallback-tag: a referrer is stored with a warning if its list never reads as written', async () => {
    const memory = createMemoryRegistry();
    const place = memory.repository('acme/app');
    await give(place, emptyConfig);
    const warnings: string[] = [];
    const remote = createRemoteRegistry({
      base: 'http://registry.test',
      send: stale(noApi(createApp(memory))),
      download: { retry: { clock: hasty } },
      onWarning: (text) => warnings.push(text),
    });
    const subject = imageOf({ annotations: { is: 'the subject' } });
    const referrer = imageOf({ subject: subject.descriptor, artifactType: 'a/b' });
    await remote.repository('acme/app', { actions: ['push'] }).manifests.put(referrer);
    const { digest } = referrer.descriptor;
    assert.equal((await place.manifests.resolve(digest))?.digest, digest);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]?.includes(digest), warnings[0]);
  });
});

describe('a manifest that is got', () => {
  const other = imageOf({ annotations: { is: 'another' } });
  /** The first `times` answers to a GET have other bytes, under the headers of the right ones. */
  const spoilt = (times: number): Middleware => {
    let left = times;
    return (next) =>
      async (request): Promise<HttpResponse> => {
        const response = await next(request);
        if (request.method !== 'GET' || left-- <= 0) return response;
        const headers = { ...response.headers, 'content-length': [`${other.bytes.byteLength}`] };
        return answer(200, headers, other.bytes);
      };
  };
  const references: readonly (readonly [string, (manifest: Manifest) => string])[] = [
    ['by tag', () => 'a'],
    ['by digest', ({ descriptor }) => descriptor.digest],
  ];
  for (const [how, referenceOf] of references) {
    it(`a manifest ${how} with other bytes than announced is requested once more`, async () => {
      const { repository, place, requests } = await start(spoilt(1));
      const manifest = await giveImage(place, {}, 'a');
      const got = await repository.manifests.get(referenceOf(manifest));
      assert.deepEqual(got.descriptor, manifest.descriptor);
      assert.equal(requests.length, 2);
    });

    it(`a manifest ${how} with other bytes twice is refused`, async () => {
      const { repository, place, requests } = await start(spoilt(2));
      const manifest = await giveImage(place, {}, 'a');
      await failsWith(repository.manifests.get(referenceOf(manifest)), 'DIGEST_INVALID');
      assert.equal(requests.length, 2);
    });
  }
});
