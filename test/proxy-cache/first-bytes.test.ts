import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blobOf, emptyConfig, give, giveImage, imageOf, noise } from '../../src/testing/contract/sample.ts';
import { type FaultEffect, withFaults } from '../../src/testing/faults.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { cacheStage } from './stage.ts';

/** The response of a cache to a GET of a blob: its head waits for the first bytes of the upstream's one response. */

const layer = blobOf(noise(100_000));
const url = `/v2/a/blobs/${layer.descriptor.digest}`;

/** Bodies of blobs in two halves without a length. The second half waits for the door. */
function unmeasured(): { readonly upstream: Middleware; readonly open: () => void } {
  const door = new AbortController();
  const opened = new Promise((resolve) => door.signal.addEventListener('abort', resolve));
  async function* halves() {
    yield layer.bytes.subarray(0, 50_000);
    await opened;
    yield layer.bytes.subarray(50_000);
  }
  const upstream: Middleware = (next) => async (request) => {
    const response = await next(request);
    if (request.method !== 'GET' || !request.url.includes('/blobs/')) return response;
    const { 'content-length': _, ...headers } = response.headers;
    return { ...response, headers, body: halves() };
  };
  return { upstream, open: () => door.abort() };
}

const failures: readonly [how: string, effect: FaultEffect, status: number, code: string][] = [
  ['has no such blob', { status: 404 }, 404, 'BLOB_UNKNOWN'],
  ['refuses it', { status: 403 }, 403, 'DENIED'],
  ['wants fewer requests', { status: 429 }, 429, 'TOOMANYREQUESTS'],
  ['fails', { status: 500 }, 502, 'UNAVAILABLE'],
  ['ends the connection', { cut: { of: 'request', after: 0 } }, 502, 'UNAVAILABLE'],
  ['ends the response before its first byte', { cut: { of: 'answer', after: 0 } }, 502, 'UNAVAILABLE'],
  ['sends something else', { body: noise(100_001).subarray(1) }, 502, 'UNAVAILABLE'],
  ['sends less', { body: layer.bytes.subarray(1) }, 502, 'UNAVAILABLE'],
];

describe('a blob through a cache', () => {
  for (const [how, effect, status, code] of failures) {
    it(`a cache answers ${status} after one request if its upstream ${how}, and serves the blob the next time`, async (test) => {
      const upstream = withFaults([{ when: { operation: 'blob.get' }, effect }]);
      const { place, ask, taken } = cacheStage(test, { upstream });
      await give(place.repository('a'), layer);
      const answer = await ask(`GET ${url}`);
      assert.deepEqual([answer.status, answer.code], [status, code]);
      assert.deepEqual(taken(), ['GET blob.get']);
      assert.ok((await ask(`GET ${url}`)).bytes.equals(layer.bytes));
      assert.deepEqual(taken(), ['GET blob.get']);
    });
  }

  it('a blob without a length arrives when the cache has all of it', async (test) => {
    const { upstream, open } = unmeasured();
    const { place, ask, taken } = cacheStage(test, { upstream });
    await give(place.repository('a'), layer);
    const answer = ask(`GET ${url}`);
    open();
    const { headers, bytes } = await answer;
    assert.deepEqual(headers['content-length'], ['100000']);
    assert.ok(bytes.equals(layer.bytes));
    assert.deepEqual(taken(), ['GET blob.get']);
  });

  it('a blob without a length arrives as it comes if a manifest has its size', async (test) => {
    const { upstream, open } = unmeasured();
    const { place, ask, send, taken } = cacheStage(test, { upstream });
    await giveImage(place.repository('a'), { layers: [layer] }, '1');
    await ask('GET /v2/a/manifests/1');
    taken();
    const { body } = await send({ method: 'GET', url, headers: {}, replay: 'never' });
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) {
      chunks.push(Buffer.from(chunk));
      open();
    }
    assert.ok(chunks.length > 1);
    assert.ok(Buffer.concat(chunks).equals(layer.bytes));
    assert.deepEqual(taken(), ['GET blob.get']);
  });

  it('a blob may arrive in parts if a manifest says that it is large', async (test) => {
    const large = blobOf(new Uint8Array(33 * 1024 * 1024));
    const { place, ask, taken, requests } = cacheStage(test);
    await giveImage(place.repository('a'), { layers: [large] }, '1');
    await ask('GET /v2/a/manifests/1');
    taken();
    const { bytes } = await ask(`GET /v2/a/blobs/${large.descriptor.digest}`);
    assert.ok(bytes.equals(large.bytes));
    assert.deepEqual([...new Set(taken())], ['GET blob.get']);
    assert.match(requests[2]?.headers['range']?.[0] ?? '', /^bytes=0-\d+$/);
  });

  it('the cache does not ask the upstream for a blob that it knows', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    await give(place.repository('a'), layer);
    const headers = { 'if-none-match': `"${layer.descriptor.digest}"` };
    assert.equal((await ask(`GET ${url}`, { headers })).status, 304);
    // The client wants none of it, so the cache fetches nothing.
    assert.deepEqual(taken(), ['HEAD blob.head']);
  });

  it('the cache asks the upstream again if a manifest was wrong about the length', async (test) => {
    const { place, ask, taken } = cacheStage(test);
    const wrong = { ...layer, descriptor: { ...layer.descriptor, size: 99 } };
    await give(place.repository('a'), layer, emptyConfig);
    await place.repository('a').manifests.put(imageOf({ layers: [wrong] }), { tags: ['1'] });
    await ask('GET /v2/a/manifests/1');
    taken();
    assert.equal((await ask(`GET ${url}`)).status, 502);
    assert.ok((await ask(`GET ${url}`)).bytes.equals(layer.bytes));
    assert.deepEqual(taken(), ['GET blob.get', 'GET blob.get']);
  });
});
