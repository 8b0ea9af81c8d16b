import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ListOptions } from '../../src/store/contract.ts';
import { failsWith, listOf } from '../../src/testing/contract/sample.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer, errorAnswer, jsonAnswer } from '../../src/wire/reply.ts';
import { refuses } from '../faults/spoil.ts';
import { stage } from './stage.ts';

/** Forms of lists of names at registries. */

const all = ['b', 'a', 'd', 'c', 'e'];

interface Row {
  readonly name: string;
  readonly registry?: string;
  readonly repository?: string;
  readonly options?: ListOptions;
  /** The response to a request with this query. */
  readonly page: (query: URLSearchParams, path: string) => HttpResponse;
  /** Default: all. */
  readonly tags?: readonly string[];
  /** The number of requests. Default 1. */
  readonly requests?: number;
}

const listed = (tags: unknown, link?: string, more: object = {}): HttpResponse =>
  jsonAnswer(200, { name: 'acme/app', tags, ...more }, link === undefined ? {} : { link: [link] });

/** Returns two at a time, behind a query that only the registry understands. */
const paged =
  (link: (at: number, path: string) => string, mark: string) =>
  (query: URLSearchParams, path: string): HttpResponse => {
    const at = Number(query.get(mark) ?? '0');
    return listed(all.slice(at, at + 2), at + 2 < all.length ? link(at + 2, path) : undefined);
  };

const tooMany =
  (most: number, refusal: () => HttpResponse) =>
  (query: URLSearchParams): HttpResponse =>
    Number(query.get('n') ?? '1') > most ? refusal() : listed(all);

const rows: readonly Row[] = [
  { name: 'null for no tags', page: () => listed(null), tags: [] },
  { name: 'nothing for no tags', page: () => jsonAnswer(200, { name: 'acme/app' }), tags: [] },
  // id: distribution-unsorted-tags
  { name: 'distribution 2.8: unsorted, and all at once', page: () => listed(all) },
  {
    // id: artifact-registry-more-fields
    name: 'Artifact Registry: more fields than asked for',
    registry: 'europe-docker.pkg.dev',
    page: () => listed(all, undefined, { child: [], manifest: { 'sha256:a': { tag: ['a'] } } }),
  },
  {
    // id: cloudflare-bare-link
    name: 'Cloudflare: a Link without <>',
    page: paged((at, path) => `https://registry.test${path}?n=2&at=${at}; rel=next`, 'at'),
    requests: 3,
  },
  {
    // id: quay-opaque-page-token
    name: 'Quay: an opaque next_page, and pages smaller than asked for',
    registry: 'quay.io',
    page: paged((at, path) => `<${path}?n=2&next_page=${at}>; rel="next"`, 'next_page'),
    requests: 3,
  },
  {
    // id: ecr-opaque-page-token
    name: 'ECR: an opaque last',
    registry: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
    page: paged((at, path) => `<${path}?last=${at}&n=2>; rel="next"`, 'last'),
    requests: 3,
  },
  {
    // id: artifactory-wrong-link
    name: 'Artifactory: a Link without the key of the repository, and a last that is a number',
    repository: 'docker-local/acme/app',
    page: paged((at) => `</v2/acme/app/tags/list?last=${at}&n=2>; rel="next"`, 'last'),
    requests: 3,
  },
  {
    name: 'Artifactory: the same with a host',
    repository: 'docker-local/acme/app',
    page: paged((at) => `<https://registry.test/v2/acme/app/tags/list?last=${at}&n=2>; rel="next"`, 'last'),
    requests: 3,
  },
  {
    // id: proxy-link-forgets-tls
    name: 'behind a proxy: a Link with http in place of https',
    page: paged((at, path) => `<http://registry.test${path}?at=${at}>; rel="next"`, 'at'),
    requests: 3,
  },
  {
    // id: ecr-page-limit
    name: 'ECR: 405 for more than 1000',
    options: { pageSize: 5000 },
    page: tooMany(1000, () => errorAnswer('UNSUPPORTED', "Invalid parameter at 'maxResults'")),
    requests: 2,
  },
  {
    // id: distribution-page-limit
    name: 'distribution: 400 for more than its maximum',
    page: tooMany(100, () => errorAnswer('PAGINATION_NUMBER_INVALID', 'invalid number of results requested')),
    requests: 2,
  },
  {
    // id: nexus-no-link
    name: 'Nexus, before 3.64: one page without a Link',
    page: ({ size }) => (size > 0 ? listed(all) : answer(500)),
  },
];

describe('a list of tags from a registry with a habit', () => {
  for (const row of rows) {
    const { name, registry = 'registry.test', repository = 'acme/app', options, page } = row;
    it(`all tags are listed in the order of the registry: ${name}`, async () => {
      const { client, asked } = stage({
        registry,
        quirk: refuses((operation, { url }) => {
          if (operation.kind !== 'tags.list') return undefined;
          const { pathname, searchParams } = new URL(url, 'https://registry.test');
          assert.equal(pathname, `/v2/${repository}/tags/list`);
          return page(searchParams, pathname);
        }),
      });
      assert.deepEqual(await listOf(client.tags(`${registry}/${repository}`, options)), row.tags ?? all);
      assert.equal(asked.length, row.requests ?? 1);
    });
  }

  for (const [registry, n] of [
    ['quay.io', '100'],
    ['public.ecr.aws', '1000'],
    ['registry.test', '1000'],
  ] as const) {
    // id: page-sizes
    it(`the tags of ${registry} are requested ${n} at a time, or as many as the caller says`, async () => {
      const { client, asked } = stage({ registry, quirk: refuses(() => listed(all)) });
      await listOf(client.tags(`${registry}/acme/app`));
      await listOf(client.tags(`${registry}/acme/app`, { pageSize: 7 }));
      assert.deepEqual(
        asked.map(({ url }) => new URL(url, 'https://registry.test').searchParams.get('n')),
        [n, '7'],
      );
    });
  }
});

describe('repositories are listed', () => {
  it('ECR: repositories are listed in smaller pages after 405 for more than 1000', async () => {
    const { client } = stage({
      quirk: refuses((_, { url }) =>
        url.includes('n=')
          ? errorAnswer('UNSUPPORTED', 'maxResults')
          : jsonAnswer(200, { repositories: ['acme/app'] }),
      ),
    });
    assert.deepEqual(await listOf(client.catalog('registry.test', { pageSize: 5000 })), ['acme/app']);
  });
});

describe('a refused list', () => {
  const refusals: readonly (readonly [string, OperationKind, () => HttpResponse, string])[] = [
    [
      // id: docker-hub-no-catalog
      'Docker Hub: no catalog',
      'catalog',
      () => errorAnswer('UNAUTHORIZED', 'authentication required'),
      'UNAUTHORIZED',
    ],
    // id: gitlab-catalog-denied
    ['GitLab: a catalog for its admin alone', 'catalog', () => errorAnswer('DENIED', 'forbidden'), 'DENIED'],
    // id: ghcr-no-catalog
    ['GHCR: no catalog', 'catalog', () => answer(404), 'NAME_UNKNOWN'],
    ['a registry without a catalog', 'catalog', () => errorAnswer('UNSUPPORTED', 'no'), 'UNSUPPORTED'],
    [
      // id: ecr-public-plain-text-404
      'ECR Public, before: 404 in plain text',
      'tags.list',
      () => answer(404, { 'content-type': ['text/plain'] }, new TextEncoder().encode('404 page not found')),
      'NAME_UNKNOWN',
    ],
    [
      // id: ecr-public-page-429
      'ECR Public: 429 for a page',
      'tags.list',
      () => errorAnswer('TOOMANYREQUESTS', 'Rate exceeded'),
      'TOOMANYREQUESTS',
    ],
  ];
  for (const [name, kind, refusal, code] of refusals) {
    it(`the error of a refused list has the words of the registry: ${name}`, async () => {
      const { client, name: repository } = stage({
        quirk: refuses((operation) => (operation.kind === kind ? refusal() : undefined)),
      });
      const list = kind === 'catalog' ? client.catalog('registry.test') : client.tags(repository);
      await failsWith(listOf(list), code);
    });
  }
});
