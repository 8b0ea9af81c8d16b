import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blobOf, giveImage, noise } from '../../src/testing/contract/sample.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { operationOf } from '../faults/spoil.ts';
import { cacheStage } from '../proxy-cache/stage.ts';

/** Upstreams of a pull-through cache that are caches themselves. */

const layer = blobOf(noise(3000));

/** Answers a HEAD of a blob with 404 until somebody has read the blob, as a proxy project of Harbor does. */
function knowsOnlyReadBlobs(): Middleware {
  const read = new Set<string>();
  return (next) => async (request) => {
    const operation = operationOf(request);
    if (operation?.kind === 'blob.get') read.add(operation.digest);
    if (operation?.kind === 'blob.head' && !read.has(operation.digest)) return answer(404);
    return next(request);
  };
}

describe('an upstream that is a cache', () => {
  // id: harbor-proxy-head-404
  it('a cache fetches a blob that its upstream denies until somebody reads it', async (test) => {
    const stage = cacheStage(test, { upstream: knowsOnlyReadBlobs() });
    await giveImage(stage.place.repository('app'), { layers: [layer] }, 'v1');
    const { digest, size } = layer.descriptor;
    const head = await stage.ask(`HEAD /v2/app/blobs/${digest}`);
    assert.equal(head.status, 200);
    assert.deepEqual(head.headers['content-length'], [`${size}`]);
    assert.deepEqual(stage.taken(), ['HEAD blob.head', 'GET blob.get']);
    assert.equal((await stage.ask(`HEAD /v2/app/blobs/sha256:${'0'.repeat(64)}`)).status, 404);
  });
});
