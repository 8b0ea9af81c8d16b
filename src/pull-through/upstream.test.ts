import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AuthError,
  ContentError,
  InputError,
  isGantryError,
  NotFoundError,
  ResponseError,
  StorageError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';
import { blobOf, emptyConfig, imageOf } from '../testing/contract/sample.ts';
import { createSilence } from './silence.ts';
import { createSizes } from './sizes.ts';
import { createSeenTags } from './tags.ts';
import { isSilence, upstreamError } from './upstream.ts';

const words = 'the account of the cache';
const response = { method: 'GET', url: 'https://upstream.test/', status: 429, errors: [], retryAfter: 1500 };

const tell = (error: Error): string => String(upstreamError(error, 'a tag'));

const rows: readonly (readonly [error: Error, code: string, silent: boolean])[] = [
  [new NotFoundError('MANIFEST_UNKNOWN', words), 'MANIFEST_UNKNOWN', false],
  [new NotFoundError('BLOB_UNKNOWN', words), 'BLOB_UNKNOWN', false],
  [new AuthError('UNAUTHORIZED', words), 'DENIED', false],
  [new AuthError('DENIED', words), 'DENIED', false],
  [new TransportError('NO_CONNECTION', words), 'NO_CONNECTION', true],
  [new TransportError('TIMED_OUT', words), 'TIMED_OUT', true],
  [new ResponseError('TOOMANYREQUESTS', words, { response }), 'TOOMANYREQUESTS', true],
  [new ResponseError('UNEXPECTED_STATUS', words), 'UNEXPECTED_ANSWER', true],
  [new UnsupportedError('referrers', words), 'UNSUPPORTED', true],
  [new ContentError('DIGEST_INVALID', words), 'UNEXPECTED_ANSWER', true],
  [new StorageError('NO_SPACE', words, { path: '/' }), 'UNEXPECTED_ANSWER', true],
];

describe('a failure of an upstream', () => {
  for (const [error, code, silent] of rows) {
    const given = isGantryError(error) ? error.code : '';
    it(`the upstream's ${error.name} ${given} becomes ${code} without the upstream's words, and ${silent ? 'the cache may answer' : 'overrides the cache'}`, () => {
      const told = upstreamError(error, 'manifest app v1');
      assert.ok(isGantryError(told) && told instanceof Error);
      assert.equal(told.code, code);
      assert.equal(told.cause, error);
      assert.ok(told.message.startsWith('manifest app v1: ') && !told.message.includes(words), told.message);
      // The challenge and the headers of the upstream are for the cache alone.
      assert.equal(told.response, undefined);
      assert.equal(isSilence(error), silent);
    });
  }

  it('a mistake of the caller and a fault of the program stay as they are and are no silence', () => {
    for (const error of [new InputError('NAME_INVALID', 'a name'), new TypeError('a fault'), 'text']) {
      assert.equal(upstreamError(error, 'a tag'), error);
      assert.equal(isSilence(error), false);
    }
  });

  it('a limit of requests names the seconds to wait only if the upstream named them', () => {
    assert.match(tell(new ResponseError('TOOMANYREQUESTS', words, { response })), /in 2 s$/);
    assert.match(tell(new ResponseError('TOOMANYREQUESTS', words)), /later$/);
  });
});

describe('the memory of a cache', () => {
  const [one, two] = [imageOf().descriptor, imageOf({ annotations: { a: 'b' } }).descriptor];

  it('a tag is fresh until its time is over, in its own repository only', () => {
    let now = 0;
    const tags = createSeenTags(10, () => now);
    tags.see('a', 'v1', one);
    now = 9;
    assert.equal(tags.fresh('a', 'v1'), one);
    assert.equal(tags.fresh('b', 'v1'), undefined);
    assert.equal(tags.fresh('a', 'v2'), undefined);
    now = 10;
    assert.equal(tags.fresh('a', 'v1'), undefined);
  });

  it('a tag that moved or was forgotten is no tag of its old manifest', () => {
    const tags = createSeenTags(0, () => 0);
    tags.see('a', 'v1', one);
    tags.see('a', 'v2', one);
    tags.see('b', 'v3', one);
    assert.deepEqual([...tags.of('a', one.digest)].sort(), ['v1', 'v2']);
    tags.see('a', 'v1', two);
    tags.forget('a', 'v2');
    tags.forget('a', 'none');
    assert.deepEqual(tags.of('a', one.digest), []);
    assert.deepEqual(tags.of('a', two.digest), ['v1']);
  });

  it('a size is known by the manifests of its own repository until it is forgotten', () => {
    const sizes = createSizes();
    const layer = blobOf('a layer').descriptor;
    sizes.see('a', imageOf({ layers: [blobOf('a layer')] }));
    assert.equal(sizes.of('a', layer.digest), layer.size);
    assert.equal(sizes.of('a', emptyConfig.descriptor.digest), emptyConfig.descriptor.size);
    assert.equal(sizes.of('b', layer.digest), undefined);
    sizes.forget('a', layer.digest);
    assert.equal(sizes.of('a', layer.digest), undefined);
  });

  it('a silence lasts as long as the patience, and begins anew', () => {
    let now = 5;
    const silence = createSilence(10, () => now);
    assert.equal(silence.lasts(), false);
    silence.begin();
    now = 14;
    assert.equal(silence.lasts(), true);
    silence.begin();
    now = 15;
    assert.equal(silence.lasts(), true);
    now = 24;
    assert.equal(silence.lasts(), false);
  });
});
