import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { encodeManifest, parseManifest } from '../../src/json/manifest.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import { referrerEntry } from '../../src/store/referrers.ts';
import {
  emptyConfig,
  failsWith,
  give,
  giveImage,
  imageOf,
  indexOf,
} from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import {
  type Behind,
  behind,
  dashIsDigest,
  isList,
  referrersOf,
  repositoryName,
  silentApi,
  text,
  unknownName,
  webPage,
  withoutApi,
} from './registries.ts';

const subject = imageOf({ annotations: { is: 'the subject' } }).descriptor;
const tag = referrersTag(subject.digest);

function referrer(name: string) {
  return imageOf({ subject, artifactType: 'application/vnd.example.note', annotations: { name } });
}

/** Returns the content of the fallback tag in the registry. */
async function listed({ place }: Behind, of = tag) {
  const { body, descriptor } = await place.manifests.get(of);
  assert.ok(body.kind === 'index' && descriptor.mediaType === MediaType.ociIndex);
  return body.manifests;
}

async function start(...habits: readonly Middleware[]): Promise<Behind> {
  const registry = behind(...habits);
  await give(registry.place, emptyConfig);
  return registry;
}

const byDigest = (a: { readonly digest: string }, b: { readonly digest: string }): number =>
  a.digest < b.digest ? -1 : 1;

/** Answers in place of the registry if `act` returns something for the nth request (from 0) that matches. */
function onRequest(
  matches: (request: HttpRequest) => boolean,
  act: (nth: number, request: HttpRequest) => Promise<HttpResponse | undefined>,
): Middleware {
  let nth = 0;
  return (next) => async (request) =>
    (matches(request) ? await act(nth++, request) : undefined) ?? (await next(request));
}

const isListPut = (request: HttpRequest): boolean => request.method === 'PUT' && isList(request);
const isListGet = (request: HttpRequest): boolean => request.method === 'GET' && isList(request);

describe('a referrer that is put', () => {
  // id: oci-subject-honoured
  it('a registry that confirms the subject maintains the list, and gantry sends no request for it', async () => {
    const registry = await start();
    await registry.repository.manifests.put(referrer('a'));
    await registry.repository.manifests.put(referrer('b'), { tags: ['b'] });
    assert.equal(registry.asked.length, 2);
    assert.equal(registry.count('PUT manifests'), 2);
  });

  it('needless-list: a new tag on a stored referrer costs one PUT, and no look at the list of referrers', async () => {
    const registry = await start(withoutApi());
    await registry.repository.manifests.put(referrer('a'));
    const before = registry.asked.length;
    await registry.repository.manifests.put(referrer('a'), { tags: ['b'], tagsOnly: true });
    assert.deepEqual(registry.asked.slice(before), ['PUT acme/app/manifests/b']);
  });

  it('needless-list: client.tag on a referrer takes two requests', async () => {
    const memory = createMemoryRegistry();
    const place = memory.repository('acme/app');
    await give(place, emptyConfig);
    await place.manifests.put(referrer('a'), { tags: ['a'] });
    const asked: string[] = [];
    const app = withoutApi()(createApp(memory));
    const transport: Send = (request) => {
      asked.push(`${request.method} ${request.url.replace(/.*\/v2\//, '')}`);
      return app(request);
    };
    await using client = createClient({ transport, keychain: async () => undefined });
    await client.tag('registry.test/acme/app:a', 'b');
    assert.deepEqual(asked, ['GET acme/app/manifests/a', 'PUT acme/app/manifests/b']);
  });

  // id: silent-referrers-api
  it('a registry that lists a referrer without confirming it is asked once', async () => {
    const registry = await start(silentApi);
    await give(registry.other('acme/other'), emptyConfig);
    await Promise.all([
      registry.repository.manifests.put(referrer('a')),
      registry.repository.manifests.put(imageOf({ subject: emptyConfig.descriptor })),
      registry.other('acme/other').manifests.put(referrer('b')),
    ]);
    assert.equal(registry.count('GET referrers'), 1);
    assert.equal(registry.count(`PUT sha256-`), 0);
    assert.equal(await registry.place.manifests.resolve(tag), undefined);
  });

  const refusals: readonly (readonly [string, Parameters<typeof withoutApi>[0], number])[] = [
    ['with 404 and a text', undefined, 1],
    ['with a web page', webPage, 1],
    ['with 405', () => errorAnswer('UNSUPPORTED', 'no'), 1],
    ['with 400', () => answer(400), 1],
    ['with 406', () => answer(406), 1],
    ['with 501', () => answer(501), 1],
    ['with the code of another endpoint', () => errorAnswer('METHOD_UNKNOWN', 'what?', { status: 404 }), 1],
    ['only for a repository that it does not know', unknownName, 3],
  ];
  for (const [how, refuse, probes] of refusals) {
    // id: referrers-api-refused
    it(`gantry lists a referrer under the fallback tag when the registry refuses the request ${how}`, async () => {
      const registry = await start(withoutApi(refuse));
      const others = [imageOf({ subject: emptyConfig.descriptor }), imageOf({ subject: blob })];
      const index = indexOf([], { subject, annotations: { is: 'an index' } });
      const ours = [referrer('a'), index, referrer('b')];
      await registry.repository.manifests.put(ours[0] ?? index);
      for (const other of others) await registry.repository.manifests.put(other);
      assert.equal(registry.count('GET referrers'), probes);
      for (const one of ours.slice(1)) await registry.repository.manifests.put(one);
      assert.deepEqual(await listed(registry), ours.map(referrerEntry).sort(byDigest));
      assert.deepEqual(await listed(registry, referrersTag(blob.digest)), others.slice(1).map(referrerEntry));
    });
  }

  // id: referrer-listed-once
  it('a referrer is listed once, however often it is put, and the list is not written again', async () => {
    const registry = await start(withoutApi());
    await registry.repository.manifests.put(referrer('a'));
    await registry.repository.manifests.put(referrer('a'), { tags: ['a'] });
    assert.deepEqual(await listed(registry), [referrerEntry(referrer('a'))]);
    assert.equal(registry.count(`PUT ${tag}`), 1);
    assert.equal(registry.count('GET referrers'), 1);
  });

  it('twenty at once are listed together', async () => {
    const registry = await start(withoutApi());
    const all = Array.from({ length: 20 }, (_, at) => referrer(`number ${at}`));
    await Promise.all(all.map((one) => registry.repository.manifests.put(one)));
    assert.deepEqual(await listed(registry), all.map(referrerEntry).sort(byDigest));
    assert.equal(registry.count('GET referrers'), 1);
    assert.ok(registry.count(`PUT ${tag}`) < 20);
  });

  it('a referrer is listed beside those of a process that knows nothing of it', async () => {
    const registry = await start(withoutApi());
    const all = Array.from({ length: 12 }, (_, at) => referrer(`number ${at}`));
    const strangers = [registry.repository, registry.stranger(), registry.stranger()];
    await Promise.all(all.map((one, at) => (strangers[at % 3] ?? registry.repository).manifests.put(one)));
    assert.deepEqual(await listed(registry), all.map(referrerEntry).sort(byDigest));
  });

  // id: fallback-tag-not-a-list
  it('gantry does not overwrite other content under the fallback tag', async () => {
    const registry = await start(withoutApi());
    const image = await giveImage(registry.place, {}, tag);
    await failsWith(registry.repository.manifests.put(referrer('a')), 'MANIFEST_INVALID');
    assert.deepEqual(await registry.place.manifests.resolve(tag), image.descriptor);
    assert.equal(registry.count('PUT manifests/sha256:'), 1);
  });
});

const blob = imageOf({ annotations: { is: 'another' } }).descriptor;

describe('a list that others write, too', () => {
  // id: fallback-tag-rewritten
  it('a list is written again until it stays', async () => {
    let overwritten = 0;
    // Another writer has read the list before, and writes it back after each of our first writes.
    const stale: Middleware = (next) => async (request) => {
      const response = await next(request);
      if (isListPut(request) && overwritten < 5) {
        overwritten++;
        await registry.place.manifests.put(list, { tags: [tag] });
      }
      return response;
    };
    const theirs = referrer('theirs');
    const list = indexOf([referrerEntry(theirs)]);
    const registry = await start(withoutApi(), stale);
    await registry.place.manifests.put(list, { tags: [tag] });
    await Promise.all([
      registry.repository.manifests.put(referrer('a')),
      registry.repository.manifests.put(referrer('b')),
    ]);
    const expected = [theirs, referrer('a'), referrer('b')].map(referrerEntry).sort(byDigest);
    assert.deepEqual(await listed(registry), expected);
    assert.equal(overwritten, 5);
  });

  it('a list that never stays is given up, and the referrer is stored all the same', async () => {
    const stubborn: Middleware = (next) => async (request) => {
      const response = await next(request);
      if (isListPut(request)) await registry.place.manifests.put(indexOf([]), { tags: [tag] });
      return response;
    };
    const registry = await start(withoutApi(), stubborn);
    await registry.repository.manifests.put(referrer('a'));
    assert.equal(registry.count('PUT manifests/sha256:'), 1);
    assert.deepEqual(await listed(registry), []);
  });

  // id: fallback-tag-if-match
  it('a list is replaced only in the state that gantry read, if the registry honours conditions', async () => {
    const theirs = referrer('theirs');
    const refused: (readonly string[])[] = [];
    const minding = onRequest(isListPut, async (nth, { headers }) => {
      // Another writer is faster, the first time without a list and the first time with one.
      if (nth === 0) await registry.place.manifests.put(indexOf([]), { tags: [tag] });
      if (nth === 1) {
        await registry.place.manifests.put(indexOf([referrerEntry(theirs)]), { tags: [tag] });
      }
      const current = await registry.place.manifests.resolve(tag);
      const holds =
        current === undefined
          ? headerValue(headers, 'if-none-match') === '*'
          : headerValue(headers, 'if-match') === `"${current.digest}"`;
      if (holds) return undefined;
      refused.push(Object.keys(headers).filter((name) => name.startsWith('if-')));
      return answer(412);
    });
    const registry = await start(withoutApi(), minding);
    await registry.repository.manifests.put(referrer('a'));
    const expected = [theirs, referrer('a')].map(referrerEntry).sort(byDigest);
    assert.deepEqual(await listed(registry), expected);
    assert.deepEqual(refused, [['if-none-match'], ['if-match']]);
  });

  it('a list is written without a condition if the registry refuses every condition', async () => {
    const strict = onRequest(isListPut, async (_, { headers }) =>
      'if-match' in headers || 'if-none-match' in headers ? answer(412) : undefined,
    );
    const registry = await start(withoutApi(), strict);
    await registry.repository.manifests.put(referrer('a'));
    await registry.repository.manifests.put(referrer('b'));
    assert.equal((await listed(registry)).length, 2);
    assert.equal(registry.count(`PUT ${tag}`), 4);
  });

  const readings: readonly (readonly [string, () => ReturnType<typeof answer>])[] = [
    ['finds nothing', () => errorAnswer('MANIFEST_UNKNOWN', 'no such tag')],
    ['fails', () => errorAnswer('UNKNOWN', 'empty link', { status: 500 })],
    ['gets a part of it', () => answer(200, { 'content-type': [MediaType.ociIndex] }, text('{"schemaVe'))],
  ];
  for (const [how, reply] of readings) {
    for (const nth of [0, 1, 2]) {
      it(`a list is not lost when reading number ${nth + 1} ${how}, because it is just being replaced`, async () => {
        const theirs = referrer('theirs');
        const list = indexOf([referrerEntry(theirs)]);
        const busy = onRequest(isListGet, async (at) => (at === nth ? reply() : undefined));
        const registry = await start(withoutApi(), busy);
        await registry.place.manifests.put(list, { tags: [tag] });
        await registry.repository.manifests.put(referrer('a'));
        const expected = [theirs, referrer('a')].map(referrerEntry).sort(byDigest);
        assert.deepEqual(await listed(registry), expected);
        assert.equal(registry.count(`PUT ${tag}`), 1);
      });
    }
  }

  // id: fallback-tag-retried
  it('only the list is tried again when writing it fails', async () => {
    const busy = onRequest(isListPut, async (nth) =>
      nth < 3 ? errorAnswer('UNAVAILABLE', 'later', { status: 503 }) : undefined,
    );
    const registry = await start(withoutApi(), busy);
    await registry.repository.manifests.put(referrer('a'), { tags: ['a'] });
    assert.deepEqual(await listed(registry), [referrerEntry(referrer('a'))]);
    assert.equal(registry.count('PUT manifests/a'), 1);
    assert.equal(registry.count(`PUT ${tag}`), 4);
  });

  it('a list that may not be written, or never succeeds, fails the put', async () => {
    for (const [status, code] of [
      [403, 'DENIED'],
      [503, 'UNEXPECTED_STATUS'],
    ] as const) {
      const refusing = onRequest(isListPut, async () => answer(status));
      const registry = await start(withoutApi(), refusing);
      const puts = [referrer('a'), referrer('b')].map((one) => registry.repository.manifests.put(one));
      await Promise.all(puts.map((put) => failsWith(put, code)));
      assert.equal(registry.count('PUT manifests/sha256:'), 2);
    }
  });

  it('a list is still written for the other callers when one of them aborts', async () => {
    const abort = new AbortController();
    const stopping = onRequest(isListPut, async () => {
      abort.abort('enough');
      return undefined;
    });
    const registry = await start(withoutApi(), stopping);
    const [given, kept] = await Promise.allSettled([
      registry.repository.manifests.put(referrer('a'), { signal: abort.signal }),
      registry.repository.manifests.put(referrer('b')),
    ]);
    assert.deepEqual(given, { status: 'rejected', reason: 'enough' });
    assert.equal(kept.status, 'fulfilled');
    assert.ok((await listed(registry)).some(({ digest }) => digest === referrer('b').descriptor.digest));
  });

  it('a list is written anew after all callers have aborted', async () => {
    const abort = new AbortController();
    const stopping = onRequest(isListPut, async (nth) => {
      if (nth === 0) abort.abort('enough');
      return undefined;
    });
    const registry = await start(withoutApi(), stopping);
    await assert.rejects(
      registry.repository.manifests.put(referrer('a'), { signal: abort.signal }),
      (error) => error === 'enough',
    );
    await registry.repository.manifests.put(referrer('b'));
    assert.ok((await listed(registry)).some(({ digest }) => digest === referrer('b').descriptor.digest));
  });
});

const unreadable: Middleware = (next) => async (request) =>
  request.method === 'GET' && request.url.includes('/manifests/sha256:')
    ? answer(200, { 'content-type': [MediaType.ociManifest] }, text('{}'))
    : next(request);

describe('a registry that takes the fallback tag for a digest', () => {
  const images = ['a', 'b'].map((name) => imageOf({ annotations: { name } }));
  const asIndex = indexOf(images.map(({ descriptor }) => descriptor));
  const signatureOf = (of: typeof asIndex) =>
    imageOf({ subject: of.descriptor, artifactType: 'application/vnd.example.note' });

  /** Puts the subject there, with all its content. */
  async function holding(root: typeof asIndex, ...habits: readonly Middleware[]): Promise<Behind> {
    const registry = await start(withoutApi(), ...habits);
    for (const manifest of [...images, root]) await registry.place.manifests.put(manifest);
    return registry;
  }

  for (const [what, root] of [
    ['an index', asIndex],
    ['an image', imageOf({ annotations: { name: 'a' } })],
  ] as const) {
    it(`fallback-tag-is-the-subject: the children of ${what} are none of its referrers`, async () => {
      const registry = await holding(root, dashIsDigest());
      assert.deepEqual(await referrersOf(registry.repository, root.descriptor), []);
    });

    it(`fallback-tag-is-the-subject: a referrer of ${what} is stored with a warning where no list can be kept`, async () => {
      const registry = await holding(root, dashIsDigest());
      const signature = signatureOf(root);
      await registry.repository.manifests.put(signature);
      assert.ok(await registry.place.manifests.resolve(signature.descriptor.digest));
      assert.equal(registry.warnings.length, 1);
      assert.match(registry.warnings[0] ?? '', new RegExp(signature.descriptor.digest));
      assert.equal(registry.count('PUT manifests/sha256-'), 1);
    });

    it(`fallback-tag-is-the-subject: a referrer of ${what} is listed where the tag goes before the digest`, async () => {
      const registry = await holding(root, dashIsDigest({ tagFirst: true }));
      const signature = signatureOf(root);
      await registry.repository.manifests.put(signature);
      assert.deepEqual(await listed(registry, referrersTag(root.descriptor.digest)), [
        referrerEntry(signature),
      ]);
      assert.deepEqual(await referrersOf(registry.repository, root.descriptor), [
        signature.descriptor.digest,
      ]);
      assert.deepEqual(registry.warnings, []);
    });
  }

  it('fallback-tag-is-the-subject: a list of Docker under the tag lists no referrers', async () => {
    const registry = await holding(asIndex);
    const manifests = images.map(({ descriptor }) => descriptor);
    const bytes = encodeManifest({ schemaVersion: 2, mediaType: MediaType.dockerList, manifests });
    const list = parseManifest(bytes, { digest: digestOf(bytes) });
    await registry.place.manifests.put(list, { tags: [tag] });
    assert.deepEqual(await referrersOf(registry.repository, subject), []);
  });
});

describe('a manifest that is deleted', () => {
  it('a deleted manifest is taken out of the list of its subject', async () => {
    const registry = await start(withoutApi());
    for (const name of ['a', 'b', 'c']) await registry.repository.manifests.put(referrer(name));
    const gone = [referrer('a'), referrer('c')].map(({ descriptor }) => descriptor.digest);
    const deleted = await Promise.all(gone.map((digest) => registry.repository.manifests.delete(digest)));
    assert.deepEqual(deleted, [true, true]);
    assert.deepEqual(await listed(registry), [referrerEntry(referrer('b'))]);
    assert.deepEqual(await referrersOf(registry.repository, subject), [referrer('b').descriptor.digest]);
  });

  it('a deleted manifest stays out of a list that another writer puts back', async () => {
    let back = true;
    const stale: Middleware = (next) => async (request) => {
      const response = await next(request);
      if (isListPut(request) && back && deleting) {
        back = false;
        await registry.place.manifests.put(before, { tags: [tag] });
      }
      return response;
    };
    let deleting = false;
    const registry = await start(withoutApi(), stale);
    for (const name of ['a', 'b']) await registry.repository.manifests.put(referrer(name));
    const before = await registry.place.manifests.get(tag);
    deleting = true;
    assert.equal(await registry.repository.manifests.delete(referrer('a').descriptor.digest), true);
    assert.deepEqual(await listed(registry), [referrerEntry(referrer('b'))]);
  });

  const costs: readonly (readonly [string, readonly Middleware[], readonly string[]])[] = [
    ['with the API', [], ['GET referrers', 'DELETE', 'DELETE']],
    [
      'without the API',
      [withoutApi()],
      ['GET referrers', 'GET manifests', 'DELETE', 'GET manifests', 'DELETE'],
    ],
  ];
  for (const [what, habits, expected] of costs) {
    it(`deleting a manifest takes as few requests as possible at a registry ${what}`, async () => {
      const registry = await start(...habits);
      const plain = [imageOf({ annotations: { n: '1' } }), imageOf({ annotations: { n: '2' } })];
      for (const one of plain) await registry.place.manifests.put(one);
      for (const { descriptor } of plain) {
        assert.equal(await registry.repository.manifests.delete(descriptor.digest), true);
      }
      const asked = registry.asked.map((line) =>
        line.startsWith('DELETE') ? 'DELETE' : line.replace(`${repositoryName}/`, '').replace(/\/.*/, ''),
      );
      assert.deepEqual(asked, expected);
    });
  }

  it('a manifest that cannot be read can be deleted', async () => {
    const registry = await start(withoutApi(), unreadable);
    const { descriptor } = await giveImage(registry.place);
    assert.equal(await registry.repository.manifests.delete(descriptor.digest), true);
    assert.equal(await registry.repository.manifests.delete(descriptor.digest), false);
  });
});
