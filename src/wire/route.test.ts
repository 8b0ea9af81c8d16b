import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parseDigest } from '../spec/digest.ts';
import { type Operation, operationKinds } from './operation.ts';
import { parseOperation } from './route.ts';
import { formatOperation } from './target.ts';

const hex = 'a'.repeat(64);
const digest = parseDigest(`sha256:${hex}`);

// Names that consist of the words in endpoints.
const component = fc.constantFrom(
  'a',
  'blobs',
  'uploads',
  'manifests',
  'tags',
  'list',
  'referrers',
  'v2',
  'x-1',
);
const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const digests = fc
  .constantFrom(`sha256:${hex}`, `sha512:${hex}${hex}`, 'sha256+b64u:LCa0_=-', 'x:1')
  .map(parseDigest);
const tag = fc.constantFrom('latest', 'v1.0_x-y', 'list', 'uploads', 'A', '_');
const reference = fc.oneof(tag, digests);
const text = fc.string({ unit: 'grapheme' });

const operations: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('ping' as const) }),
  fc.record({ kind: fc.constant('catalog' as const), n: fc.nat(), last: text }, { requiredKeys: ['kind'] }),
  fc.record({
    kind: fc.constantFrom('blob.get' as const, 'blob.head' as const, 'blob.delete' as const),
    repository,
    digest: digests,
  }),
  fc.record(
    { kind: fc.constant('upload.start' as const), repository, digest: digests, algorithm: text },
    { requiredKeys: ['kind', 'repository'] },
  ),
  fc.record(
    {
      kind: fc.constant('upload.mount' as const),
      repository,
      digest: digests,
      from: fc.oneof(repository, text),
    },
    { requiredKeys: ['kind', 'repository', 'digest'] },
  ),
  fc.record(
    {
      kind: fc.constantFrom(
        'upload.status' as const,
        'upload.append' as const,
        'upload.commit' as const,
        'upload.cancel' as const,
      ),
      repository,
      id: fc.string({ unit: 'grapheme', minLength: 1 }),
      digest: digests,
    },
    { requiredKeys: ['kind', 'repository', 'id'] },
  ),
  fc.record({
    kind: fc.constantFrom('manifest.get' as const, 'manifest.head' as const, 'manifest.delete' as const),
    repository,
    reference,
  }),
  fc.record({
    kind: fc.constant('manifest.put' as const),
    repository,
    reference,
    tags: fc.array(tag, { maxLength: 3 }),
  }),
  fc.record(
    { kind: fc.constant('tags.list' as const), repository, n: fc.nat(), last: text },
    { requiredKeys: ['kind', 'repository'] },
  ),
  fc.record(
    { kind: fc.constant('referrers' as const), repository, digest: digests, artifactType: text, last: text },
    { requiredKeys: ['kind', 'repository', 'digest'] },
  ),
);

describe('parseOperation', () => {
  // id: operation-round-trip
  it('parseOperation reads every operation that formatOperation wrote', () => {
    fc.assert(
      fc.property(operations, (operation) => {
        const { method, target } = formatOperation(operation);
        assert.deepEqual({ ...parseOperation(method, target) }, { ...operation });
      }),
      { numRuns: 1000 },
    );
  });

  it('the round trip covers every kind of operation', () => {
    const kinds = new Set(fc.sample(operations, { numRuns: 2000, seed: 1 }).map(({ kind }) => kind));
    assert.deepEqual([...kinds].sort(), [...operationKinds].sort());
  });

  it('parseOperation never throws, and returns no name with a dot segment or a percent sign', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '%2e',
      '%2F',
      '%3A',
      'a',
      'blobs',
      'uploads',
      'manifests',
      'x:1',
      '//',
      '\\',
      '?n=1',
    );
    fc.assert(
      fc.property(
        fc.array(piece),
        fc.constantFrom('GET', 'PUT', 'POST', 'PATCH', 'DELETE'),
        (pieces, method) => {
          const operation = parseOperation(method, `/v2/${pieces.join('/')}`);
          if (operation.kind === 'failure' || !('repository' in operation)) return;
          assert.doesNotMatch(operation.repository, /(^|\/)\.|%|\\|\/\//);
        },
      ),
    );
  });

  const read: readonly [name: string, method: string, target: string, expected: object][] = [
    ['takes /v2 without its slash', 'GET', '/v2', { kind: 'ping' }],
    ['takes HEAD for GET', 'HEAD', '/v2/', { kind: 'ping' }],
    ['takes a whole URL', 'GET', 'http://h:1/v2/a/tags/list', { kind: 'tags.list', repository: 'a' }],
    [
      'takes an encoded colon, which some clients send',
      'GET',
      `/v2/a/blobs/sha256%3a${hex}`,
      { kind: 'blob.get', repository: 'a', digest },
    ],
    [
      'takes the start of an upload without its slash',
      'POST',
      '/v2/a/blobs/uploads',
      { kind: 'upload.start', repository: 'a' },
    ],
    [
      'ignores parameters that it does not know, such as the ns of a mirror',
      'GET',
      `/v2/a/manifests/1?ns=docker.io`,
      { kind: 'manifest.get', repository: 'a', reference: '1' },
    ],
    [
      'takes a from without a mount for a plain start',
      'POST',
      '/v2/a/blobs/uploads/?from=b',
      { kind: 'upload.start', repository: 'a' },
    ],
    [
      'reads a name that looks like an endpoint from the right',
      'GET',
      '/v2/a/blobs/uploads/manifests/tags/manifests/list',
      { kind: 'manifest.get', repository: 'a/blobs/uploads/manifests/tags', reference: 'list' },
    ],
  ];
  for (const [name, method, target, expected] of read) {
    it(`parseOperation ${name}`, () => assert.deepEqual(parseOperation(method, target), expected));
  }

  const refused: readonly [name: string, method: string, target: string, status: number, code: string][] = [
    ['refuses a path outside of /v2/', 'GET', '/v3/', 404, 'NAME_UNKNOWN'],
    ['refuses a path that is no endpoint', 'GET', '/v2/a/b', 404, 'NAME_UNKNOWN'],
    ['refuses an extension', 'GET', '/v2/_oci/ext/discover', 404, 'NAME_UNKNOWN'],
    ['refuses dots in a name', 'GET', `/v2/a/../../etc/blobs/x:1`, 400, 'NAME_INVALID'],
    ['refuses encoded dots', 'GET', '/v2/a/%2e%2e/b/tags/list', 400, 'NAME_INVALID'],
    ['refuses an encoded slash', 'GET', '/v2/a%2Fb/tags/list', 400, 'NAME_INVALID'],
    ['refuses a backslash', 'GET', '/v2/a\\b/tags/list', 400, 'NAME_INVALID'],
    ['refuses bytes beyond ASCII', 'GET', '/v2/\u00e4/tags/list', 400, 'NAME_INVALID'],
    ['refuses a NUL', 'GET', '/v2/a\0/tags/list', 400, 'NAME_INVALID'],
    ['refuses an empty name', 'GET', '/v2//tags/list', 400, 'NAME_INVALID'],
    ['refuses upper case in a name', 'GET', '/v2/A/tags/list', 400, 'NAME_INVALID'],
    ['refuses a reserved name', 'GET', '/v2/_catalog/tags/list', 400, 'NAME_INVALID'],
    ['refuses a reference that is no tag', 'PUT', '/v2/a/manifests/.x', 400, 'TAG_INVALID'],
    ['refuses a colon that is no digest', 'GET', '/v2/a/manifests/sha256:bad', 400, 'DIGEST_INVALID'],
    ['refuses a bad digest of a blob', 'GET', '/v2/a/blobs/sha256:bad', 400, 'DIGEST_INVALID'],
    ['refuses a bad digest of a subject', 'GET', '/v2/a/referrers/bad', 400, 'DIGEST_INVALID'],
    ['refuses a bad digest to mount', 'POST', '/v2/a/blobs/uploads/?mount=bad', 400, 'DIGEST_INVALID'],
    ['refuses a bad digest to close with', 'PUT', '/v2/a/blobs/uploads/YQ?digest=bad', 400, 'DIGEST_INVALID'],
    ['refuses a session that no server issued', 'GET', '/v2/a/blobs/uploads/x', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['refuses a session of odd characters', 'GET', '/v2/a/blobs/uploads/a.b', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['refuses a negative page', 'GET', '/v2/a/tags/list?n=-1', 400, 'PAGINATION_NUMBER_INVALID'],
    ['refuses a page of words', 'GET', '/v2/_catalog?n=abc', 400, 'PAGINATION_NUMBER_INVALID'],
    ['refuses an empty page number', 'GET', '/v2/a/tags/list?n=', 400, 'PAGINATION_NUMBER_INVALID'],
    ['refuses a tag parameter that is no tag', 'PUT', '/v2/a/manifests/x:1?tag=%2F', 400, 'TAG_INVALID'],
    ['refuses too many tags at once', 'PUT', `/v2/a/manifests/x:1?${'tag=t&'.repeat(6)}`, 414, 'TAG_INVALID'],
    ['refuses an endless address', 'GET', `/v2/${'a/'.repeat(20_000)}tags/list`, 414, 'NAME_INVALID'],
  ];
  for (const [name, method, target, status, code] of refused) {
    it(`parseOperation ${name}`, () => {
      const failure = parseOperation(method, target, { tagParameters: 5 });
      assert.equal(failure.kind, 'failure');
      assert.deepEqual(
        { status: 'status' in failure && failure.status, code: 'code' in failure && failure.code },
        { status, code },
      );
    });
  }

  it('A 405 names the methods that the path supports', () => {
    const failure = parseOperation('POST', '/v2/a/tags/list');
    assert.deepEqual('allow' in failure && failure.allow, ['GET', 'HEAD']);
    const blob = parseOperation('PATCH', `/v2/a/blobs/${digest}`);
    assert.deepEqual('allow' in blob && blob.allow, ['GET', 'HEAD', 'DELETE']);
  });

  it('A method named like a member of every object is refused', () => {
    assert.equal(parseOperation('constructor', '/v2/').kind, 'failure');
  });
});
