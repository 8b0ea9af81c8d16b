import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collect } from '../flow/collect.ts';
import { parseDigest } from '../spec/digest.ts';
import { listOf } from '../testing/contract/sample.ts';
import {
  descriptorOf,
  locationOf,
  nextLink,
  referrersPage,
  subjectHeader,
  tagHeaders,
  tagsPage,
  uploadStateOf,
} from './decode.ts';
import { readError } from './error-body.ts';
import { headerValue } from './headers.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import { parseContentRange } from './range.ts';
import * as reply from './reply.ts';
import { parseOperation } from './route.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const blob = { mediaType: 'application/octet-stream', digest, size: 1000 };
const manifest = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 2 };
const url = 'https://h/v2/a/x';

const textOf = async ({ body }: HttpResponse): Promise<string> =>
  new TextDecoder().decode(await collect(body, { limit: 10_000, what: 'body' }));

/** Reads the path of a Location as the server does when a client requests it. */
const routeOf = (location: string | undefined, method: string) => parseOperation(method, location ?? '');

/** Each answer of the server is read again by the functions of the client. */
describe('the answers of the server', () => {
  it('blobAnswer describes the whole blob with 200, and a part with 206', () => {
    const whole = reply.blobAnswer(blob, undefined);
    assert.equal(whole.status, 200);
    assert.deepEqual(descriptorOf(whole), blob);
    const part = reply.blobAnswer(blob, { from: 10, to: 30 });
    assert.equal(part.status, 206);
    assert.equal(headerValue(part.headers, 'content-length'), '20');
    const range = parseContentRange(headerValue(part.headers, 'content-range'));
    assert.deepEqual(range, { from: 10, to: 30, size: 1000 });
  });

  it('manifestAnswer sends the bytes, and withoutBody removes them but keeps the length', async () => {
    const full = reply.manifestAnswer(manifest, new TextEncoder().encode('{}'));
    assert.equal(await textOf(full), '{}');
    const head = reply.withoutBody(reply.manifestAnswer(manifest, new TextEncoder().encode('{}')));
    assert.equal(await textOf(head), '');
    assert.deepEqual(descriptorOf(head), manifest);
  });

  it('a 204 and a 304 have no Content-Length', () => {
    for (const response of [reply.deleted(204), reply.unchanged(digest)]) {
      assert.equal(headerValue(response.headers, 'content-length'), undefined);
    }
    assert.equal(headerValue(reply.deleted().headers, 'content-length'), '0');
  });

  it('redirected names the other URL and is not kept by caches', () => {
    const response = reply.redirected(digest, 'https://store.example/signed?x=1');
    assert.equal(response.status, 307);
    assert.equal(locationOf(response, url), 'https://store.example/signed?x=1');
    assert.equal(headerValue(response.headers, 'cache-control'), 'no-store');
  });

  it('sessionAnswer tells offset, limits and an address that leads back to the session', () => {
    const session = { id: 'id/with ü', offset: 500, limits: { min: 10, max: 99 } };
    const response = reply.sessionAnswer(202, 'a/b', session);
    const state = uploadStateOf(response, url, { sent: 500 });
    assert.equal(state.offset, 500);
    assert.deepEqual([state.min, state.max], [10, 99]);
    const route = routeOf(headerValue(response.headers, 'location'), 'PATCH');
    assert.ok(route?.kind === 'upload.append');
    assert.deepEqual([route.repository, route.id], ['a/b', 'id/with ü']);
  });

  it('chunkRefused answers 416 with the offset of the session', async () => {
    const response = reply.chunkRefused('a/b', { id: 'x', offset: 500, limits: {} });
    assert.equal(response.status, 416);
    assert.equal(uploadStateOf(response, url, { sent: 900 }).offset, 500);
    assert.match(await textOf(response), /RANGE_INVALID/);
    assert.equal(reply.rangeRefused(blob).status, 416);
  });

  it('blobCreated and manifestCreated name addresses of the content, the subject and the tags', () => {
    const created = reply.blobCreated('a/b', digest);
    const found = routeOf(headerValue(created.headers, 'location'), 'GET');
    assert.ok(found?.kind === 'blob.get' && found.digest === digest);
    const put = reply.manifestCreated('a/b', digest, { subject: digest, tags: ['1', '2'] });
    assert.equal(subjectHeader(put), digest);
    assert.deepEqual(tagHeaders(put), ['1', '2']);
    const alone = reply.manifestCreated('a/b', digest);
    assert.deepEqual([subjectHeader(alone), tagHeaders(alone)], [undefined, []]);
  });

  it('namesAnswer and referrersAnswer are pages with an optional link to the next one', async () => {
    const next = { kind: 'tags.list', repository: 'a/b', n: 2, last: 'z' } as const;
    const page = reply.namesAnswer({ name: 'a/b', tags: ['y', 'z'] }, next);
    assert.deepEqual(await listOf(tagsPage(page, url).names), ['y', 'z']);
    assert.equal(nextLink(page, url), 'https://h/v2/a/b/tags/list?n=2&last=z');
    const referrers = reply.referrersAnswer([manifest], { filtered: true });
    assert.equal(nextLink(referrers, url), undefined);
    assert.equal(headerValue(referrers.headers, 'oci-filters-applied'), 'artifactType');
    const read = await referrersPage(referrers, url);
    assert.equal(read?.filtered, true);
    assert.match(new TextDecoder().decode(read?.bytes), new RegExp(digest));
  });

  it('errorAnswer has the status of its code, or 500 for an unknown one', async () => {
    assert.equal(reply.errorAnswer('BLOB_UNKNOWN', 'no').status, 404);
    assert.equal(reply.errorAnswer('NEVER_HEARD', 'no').status, 500);
    const request: HttpRequest = { method: 'GET', url, headers: {}, replay: 'safe' };
    const answered = reply.errorAnswer('DENIED', 'no way', { status: 403 });
    const error = await readError(answered, { request, what: 'blob', kind: 'blob.get', registry: 'h' });
    assert.equal(error.code, 'DENIED');
    assert.match(error.message, /no way/);
  });
});
