import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
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
  listOf,
} from '../../src/testing/contract/sample.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../../src/wire/message.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import {
  type Behind,
  behind,
  isReferrers,
  pagedByOne,
  referrersOf,
  text,
  unknownName,
  webPage,
  withoutApi,
} from './registries.ts';

const subject = imageOf({ annotations: { is: 'the subject' } }).descriptor;
const [one, two] = ['application/vnd.example.one', 'application/vnd.example.two'];

function referrer(name: string, artifactType: string = one): Manifest {
  return imageOf({ subject, artifactType, annotations: { name } });
}

const all = [referrer('a'), referrer('b', two), referrer('c'), referrer('d', two)];

function digests(manifests: readonly Manifest[]): readonly Digest[] {
  return manifests.map(({ descriptor }) => descriptor.digest).sort();
}

/** `listed` is the registry's own list; `tagged` is the content of the fallback tag. */
async function start(
  { listed = [], tagged }: { readonly listed?: readonly Manifest[]; readonly tagged?: readonly Manifest[] },
  ...habits: readonly Middleware[]
): Promise<Behind> {
  const registry = behind(...habits);
  await give(registry.place, emptyConfig);
  for (const manifest of listed) await registry.place.manifests.put(manifest);
  if (tagged !== undefined) {
    const list = indexOf(tagged.map(referrerEntry));
    await registry.place.manifests.put(list, { tags: [referrersTag(subject.digest)] });
  }
  return registry;
}

/** The registry claims a filter and does not filter. */
const falseFilter: Middleware = (next) => async (request) => {
  const [url = ''] = request.url.split('?');
  if (!isReferrers({ ...request, url })) return next(request);
  const response = await next({ ...request, url });
  return { ...response, headers: { ...response.headers, 'oci-filters-applied': ['artifactType'] } };
};

type Reply = (request: HttpRequest) => HttpResponse | undefined;

const lying =
  (reply: Reply): Middleware =>
  (next) =>
  async (request) =>
    (/\/referrers\/|page=/.test(request.url) ? reply(request) : undefined) ?? (await next(request));

describe('the referrers of a manifest', () => {
  const rows: readonly {
    readonly name: string;
    readonly listed?: readonly Manifest[];
    readonly tagged?: readonly Manifest[];
    readonly habits?: readonly Middleware[];
  }[] = [
    { name: 'are those that the registry lists', listed: all },
    { name: 'are on all of its pages', listed: all, habits: [pagedByOne] },
    // id: referrers-from-fallback-tag
    { name: 'are those of the fallback tag if the API lists none', tagged: all, habits: [withoutApi()] },
    {
      name: 'are those of the fallback tag if every address shows a web page',
      tagged: all,
      habits: [withoutApi(webPage)],
    },
    {
      name: 'are those of the fallback tag if the API does not know the repository',
      tagged: all,
      habits: [withoutApi(unknownName)],
    },
    {
      name: 'are those of the API and of the fallback tag, each once',
      listed: all.slice(0, 3),
      tagged: all.slice(1),
    },
    {
      // id: repeated-referrers-pages
      name: 'are listed once if pages repeat them',
      listed: all,
      tagged: all,
      habits: [pagedByOne],
    },
    {
      // id: false-referrers-filter
      name: 'are filtered by the client if the registry only claims to do so',
      listed: all,
      habits: [falseFilter],
    },
  ];
  for (const { name, habits = [], ...held } of rows) {
    it(`the referrers of a manifest ${name}`, async () => {
      const { repository } = await start(held, ...habits);
      assert.deepEqual(await referrersOf(repository, subject), digests(all));
      const chosen = all.filter((_, at) => at % 2 === 1);
      assert.deepEqual(await referrersOf(repository, subject, { artifactType: two }), digests(chosen));
    });
  }

  it('a manifest has no referrers if neither list exists, or something else is under the tag', async () => {
    for (const habits of [[], [withoutApi()]]) {
      const { repository, place } = await start({}, ...habits);
      assert.deepEqual(await referrersOf(repository, subject), []);
      await giveImage(place, {}, referrersTag(subject.digest));
      assert.deepEqual(await referrersOf(repository, subject), []);
    }
  });

  it('gantry asks for referrers only until the registry has shown that it has no API', async () => {
    const registry = await start({ tagged: all }, withoutApi());
    for (const name of ['acme/app', 'acme/other', 'acme/app']) {
      await referrersOf(registry.other(name), subject);
      await referrersOf(registry.other(name), emptyConfig.descriptor);
    }
    assert.equal(registry.count('GET referrers'), 1);
    assert.equal(registry.count('GET manifests'), 6);
    await registry.repository.manifests.put(referrer('e'));
    assert.equal(registry.count('GET referrers'), 1);
  });

  it('the referrers of a manifest take one request to the API and one for the tag, at the same time', async () => {
    let waiting = 0;
    let most = 0;
    const watched: Middleware = (next) => async (request) => {
      most = Math.max(most, ++waiting);
      const response = await next(request);
      waiting--;
      return response;
    };
    const registry = await start({ listed: all }, watched);
    await referrersOf(registry.repository, subject);
    assert.equal(registry.asked.length, 2);
    assert.equal(most, 2);
  });

  const broken: readonly (readonly [string, string, Reply])[] = [
    ['pages go in circles', 'UNEXPECTED_ANSWER', () => page({ link: ['<?page=1>; rel="next"'] })],
    [
      'a later page is no list',
      'UNEXPECTED_ANSWER',
      ({ url }) => (url.includes('page') ? webPage() : page({ link: ['<?page=1>; rel="next"'] })),
    ],
    [
      'a page leads to another host',
      'REDIRECT_REFUSED',
      () => page({ link: ['<https://elsewhere.test/v2/>; rel="next"'] }),
    ],
    ['the list is no index', 'MANIFEST_INVALID', () => page({}, '{"manifests":7}')],
    ['the registry refuses', 'DENIED', () => errorAnswer('DENIED', 'not yours')],
  ];
  for (const [name, code, reply] of broken) {
    it(`referrers are an error when ${name}`, async () => {
      const { repository } = await start({}, lying(reply));
      await failsWith(listOf(repository.referrers(subject.digest)), code);
    });
  }
});

function page(
  headers: Readonly<Record<string, readonly string[]>>,
  body = '{"schemaVersion":2,"manifests":[]}',
) {
  return answer(200, { 'content-type': [MediaType.ociIndex], ...headers }, text(body));
}
