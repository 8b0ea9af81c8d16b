import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../flow/content.ts';
import { parseDigest } from '../spec/digest.ts';
import { listOf } from '../testing/contract/sample.ts';
import {
  catalogPage,
  descriptorOf,
  digestHeader,
  locationOf,
  nextLink,
  referrersPage,
  tagsPage,
  uploadStateOf,
} from './decode.ts';
import type { HeaderMap, HttpResponse } from './message.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const other = parseDigest(`sha256:${'b'.repeat(64)}`);
const sha512 = parseDigest(`sha512:${'c'.repeat(128)}`);
const url = 'https://h/v2/a/tags/list?n=1';

function answer(headers: HeaderMap, body = ''): HttpResponse {
  return { status: 200, headers, body: bytesContent(new TextEncoder().encode(body)).open() };
}

async function* endless(): AsyncIterable<Uint8Array> {
  for (;;) yield new Uint8Array(1024 * 1024);
}

describe('descriptorOf', () => {
  const full = {
    'docker-content-digest': [digest],
    'content-length': ['12'],
    'content-type': ['application/X; charset=utf-8'],
  };

  it('An answer describes its content by type, digest and size', () => {
    assert.deepEqual(descriptorOf(answer(full)), { mediaType: 'application/x', digest, size: 12 });
  });

  for (const name of ['docker-content-digest', 'content-length', 'content-type']) {
    it(`An answer without ${name} describes no content`, () => {
      assert.equal(descriptorOf(answer({ ...full, [name]: [] })), undefined);
    });
  }

  it('The requested digest and type stand in for those that an answer leaves out', () => {
    const headers = { 'content-length': ['12'] };
    const asked = { digest, mediaType: 'application/octet-stream' };
    assert.deepEqual(descriptorOf(answer(headers), asked), { ...asked, size: 12 });
  });

  // id: digest-of-another-algorithm
  it('The requested digest stays when the registry answers with one of another algorithm', () => {
    assert.equal(descriptorOf(answer(full), { digest: sha512 })?.digest, sha512);
  });

  it('An answer with another digest of the same algorithm is refused', () => {
    assert.throws(() => descriptorOf(answer(full), { digest: other }), { code: 'DIGEST_INVALID' });
  });

  it('A Docker-Content-Digest that is no digest counts as absent', () => {
    assert.equal(digestHeader(answer({ 'docker-content-digest': ['sha256:bad'] })), undefined);
  });
});

describe('uploadStateOf', () => {
  it('The state of an upload comes from Location, Range and the chunk lengths', () => {
    const headers = {
      location: ['/u?s=1'],
      range: ['0-9'],
      'oci-chunk-min-length': ['5'],
      'oci-chunk-max-length': ['50'],
    };
    assert.deepEqual(uploadStateOf(answer(headers), url), {
      location: 'https://h/u?s=1',
      offset: 10,
      min: 5,
      max: 50,
    });
  });

  it('The answer to the start of an upload needs a Location', () => {
    assert.throws(() => uploadStateOf(answer({}), url), { code: 'UNEXPECTED_ANSWER' });
  });

  it('A later answer without Location and limits keeps the previous ones', () => {
    const previous = { location: '/u', offset: 3, min: 1 };
    assert.deepEqual(uploadStateOf(answer({}), url, { previous }), {
      location: '/u',
      offset: undefined,
      min: 1,
      max: undefined,
    });
  });

  it('An empty session and one of one byte differ by the number of bytes sent', () => {
    const response = answer({ location: ['/u'], range: ['0-0'] });
    assert.equal(uploadStateOf(response, url, { sent: 0 }).offset, 0);
    assert.equal(uploadStateOf(response, url, { sent: 1 }).offset, 1);
  });

  it('A Location is resolved against the URL that answered, after redirects', () => {
    const response = { ...answer({ location: ['u'] }), url: 'https://o/x/y' };
    assert.equal(locationOf(response, url), 'https://o/x/u');
  });
});

describe('tagsPage and catalogPage', () => {
  const rows: readonly [name: string, body: string, expected: readonly string[]][] = [
    ['is a list', '{"name":"a","tags":["1","2"]}', ['1', '2']],
    ['may be null, as Go writes an empty list', '{"name":"a","tags":null}', []],
    ['may be missing', '{"name":"a"}', []],
  ];
  for (const [name, body, expected] of rows) {
    it(`A page of tags ${name}`, async () =>
      assert.deepEqual(await listOf(tagsPage(answer({}, body), url).names), expected));
  }

  for (const body of ['<html>', '', '[]', '{"tags":"x"}', '{"tags":[1]}', 'null']) {
    it(`A page of tags is not ${JSON.stringify(body)}`, async () => {
      await assert.rejects(listOf(tagsPage(answer({}, body), url).names), { code: 'UNEXPECTED_ANSWER' });
    });
  }

  it('A page of names has the resolved URL of the next page', async () => {
    const { names, next } = catalogPage(
      answer({ link: ['</v2/_catalog?last=a>; rel="next"'] }, '{"repositories":["a"]}'),
      url,
    );
    assert.deepEqual(await listOf(names), ['a']);
    assert.equal(next, 'https://h/v2/_catalog?last=a');
    assert.equal(nextLink(answer({ link: ['?last=a; rel=next'] }), url), 'https://h/v2/a/tags/list?last=a');
  });

  it('A registry that sends an endless page is stopped at a limit', async () => {
    const { names } = tagsPage({ status: 200, headers: {}, body: endless() }, url);
    await assert.rejects(listOf(names), { code: 'UNEXPECTED_ANSWER' });
  });
});

describe('referrersPage', () => {
  const type = { 'content-type': ['application/vnd.oci.image.index.v1+json'] };

  it('A page of referrers is an index', async () => {
    const page = await referrersPage(answer(type, '{}'), url);
    assert.deepEqual(page, { bytes: new TextEncoder().encode('{}'), filtered: false, next: undefined });
  });

  it('A page of referrers tells that the registry has filtered it', async () => {
    const headers = { ...type, 'oci-filters-applied': ['x, artifactType'] };
    assert.equal((await referrersPage(answer(headers, '{}'), url))?.filtered, true);
  });

  it('A web page is no page of referrers', async () => {
    assert.equal(await referrersPage(answer({ 'content-type': ['text/html'] }, '<html>'), url), undefined);
    assert.equal(await referrersPage(answer({}), url), undefined);
  });
});
