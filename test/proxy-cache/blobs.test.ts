import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLine } from '../../src/http/line.ts';
import { blobOf, give, listOf, noise } from '../../src/testing/contract/sample.ts';
import { type Fault, withFaults } from '../../src/testing/faults.ts';
import { createManualClock } from '../../src/time/clock.test.support.ts';
import type { HttpResponse, Middleware } from '../../src/wire/message.ts';
import { type CacheStage, cacheStage, connectedStage, diskCache } from './stage.ts';

const layer = blobOf(noise(3_000_000));
const url = `/v2/a/blobs/${layer.descriptor.digest}`;
const whole = Buffer.from(layer.bytes);

/** Stops the bodies of blobs after their first bytes until `open` is called. */
function gated(after: number): { readonly upstream: Middleware; readonly open: () => void } {
  const door = new AbortController();
  const opened = new Promise((resolve) => door.signal.addEventListener('abort', resolve));
  async function* held(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    let length = 0;
    for await (const chunk of source) {
      yield chunk.subarray(0, Math.max(0, after - length));
      await opened;
      signal?.throwIfAborted();
      yield chunk.subarray(Math.max(0, after - length));
      length += chunk.byteLength;
    }
  }
  const upstream: Middleware = (next) => async (request) => {
    const response = await next(request);
    if (request.method !== 'GET' || !request.url.includes('/blobs/') || response.status >= 400)
      return response;
    return { ...response, body: held(response.body, request.signal) };
  };
  return { upstream, open: () => door.abort() };
}

function isWhole(bytes: Buffer): void {
  assert.ok(bytes.equals(whole), `${bytes.length} bytes, not the blob's`);
}

/** Returns 0 if the status reports the failure in time. */
async function lengthUntilItFails({ status, body }: HttpResponse): Promise<number> {
  if (status === 502) return 0;
  let length = 0;
  await assert.rejects(async () => {
    for await (const chunk of body) length += chunk.byteLength;
  });
  return length;
}

async function isKept({ cache }: CacheStage): Promise<boolean> {
  return (await cache.repository('a').blobs.stat(layer.descriptor.digest)) !== undefined;
}

const get = (target = url, headers: Readonly<Record<string, readonly string[]>> = {}) =>
  ({ method: 'GET', url: target, headers, replay: 'never' }) as const;

/** Waits for the cache to keep the blob, shortly after its last reader has it or has gone. */
async function untilKept(stage: CacheStage): Promise<void> {
  while (!(await isKept(stage))) await new Promise((resolve) => setImmediate(resolve));
}

const stages = [
  ['in one process', async (...args: Parameters<typeof cacheStage>) => cacheStage(...args)],
  ['over a connection, onto disk', connectedStage],
] as const;

for (const [where, open] of stages) {
  describe(`a blob through a cache ${where}`, () => {
    it(`a cache ${where} requests a blob once, and never again`, async (test) => {
      const stage = await open(test);
      const { ask, taken } = stage;
      await give(stage.place.repository('a'), layer);
      const first = await ask(`GET ${url}`);
      isWhole(first.bytes);
      assert.deepEqual(taken(), ['GET blob.get']);
      const again = await ask(`GET ${url}`);
      isWhole(again.bytes);
      assert.deepEqual(again.headers, first.headers);
      assert.equal((await ask(`HEAD ${url}`)).status, 200);
      assert.deepEqual(taken(), []);
    });

    it(`a cache ${where} fetches a blob once for ten requests`, async (test) => {
      const { place, ask, taken } = await open(test);
      await give(place.repository('a'), layer);
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(`GET ${url}`)));
      for (const { bytes } of answers) isWhole(bytes);
      assert.deepEqual(taken(), ['GET blob.get']);
    });

    it(`a cache ${where} sends a blob to the first client and to later ones while it stores it`, async (test) => {
      const gate = gated(2_000_000);
      const stage = await open(test, { upstream: gate.upstream });
      await give(stage.place.repository('a'), layer);
      const readers = [];
      for (let count = 0; count < 2; count++) {
        const chunks = (await stage.send(get())).body[Symbol.asyncIterator]();
        const { value } = await chunks.next();
        readers.push({ chunks, first: Buffer.from(value ?? []) });
      }
      assert.equal(await isKept(stage), false);
      gate.open();
      for (const { chunks, first } of readers) {
        const parts = [first];
        for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) parts.push(Buffer.from(chunk));
        isWhole(Buffer.concat(parts));
      }
      assert.equal(stage.taken().filter((line) => line === 'GET blob.get').length, 1);
    });

    it(`a cache ${where} fetches a blob for the other clients when the first one leaves`, async (test) => {
      const gate = gated(2_000_000);
      const { place, send, ask, taken } = await open(test, { upstream: gate.upstream });
      await give(place.repository('a'), layer);
      const abort = new AbortController();
      const first = (await send({ ...get(), signal: abort.signal })).body[Symbol.asyncIterator]();
      await first.next();
      const second = ask(`GET ${url}`);
      abort.abort(new Error('gone'));
      await assert.rejects(async () => {
        while ((await first.next()).done !== true);
      }, /gone/);
      gate.open();
      isWhole((await second).bytes);
      assert.deepEqual(taken(), ['GET blob.get']);
    });

    it(`a cache ${where} fetches a blob to its end when all clients leave`, async (test) => {
      const gate = gated(2_000_000);
      const stage = await open(test, { upstream: gate.upstream });
      await give(stage.place.repository('a'), layer);
      const reader = (await stage.send(get())).body[Symbol.asyncIterator]();
      await reader.next();
      await reader.return?.();
      gate.open();
      await untilKept(stage);
      isWhole((await stage.ask(`GET ${url}`)).bytes);
      assert.deepEqual(stage.taken(), ['GET blob.get']);
    });

    it(`a client that reads nothing does not stop a cache ${where}`, async (test) => {
      const { place, send, ask } = await open(test);
      await give(place.repository('a'), layer);
      const slow = (await send(get())).body[Symbol.asyncIterator]();
      await slow.next();
      isWhole((await ask(`GET ${url}`)).bytes);
      await slow.return?.();
    });

    it(`a cache ${where} keeps nothing of a blob that breaks off, and fetches it anew for the next client`, async (test) => {
      const stage = await open(test, {
        upstream: withFaults([
          { when: { operation: 'blob.get' }, effect: { cut: { of: 'answer', after: 2_000_000 } } },
        ]),
      });
      await give(stage.place.repository('a'), layer);
      const length = await lengthUntilItFails(await stage.send(get()));
      assert.ok(length > 0 && length <= 2_000_000, String(length));
      assert.equal(await isKept(stage), false);
      assert.deepEqual(
        stage.failures.map(({ served }) => served),
        [false],
      );
      isWhole((await stage.ask(`GET ${url}`)).bytes);
    });

    it(`a cache ${where} never keeps a blob with other bytes, and its responses break off`, async (test) => {
      const stage = await open(test, {
        upstream: withFaults([
          { when: { operation: 'blob.get' }, effect: { body: noise(3_000_001).subarray(1) } },
        ]),
      });
      await give(stage.place.repository('a'), layer);
      const answers = await Promise.all([stage.send(get()), stage.send(get())]);
      const lengths = await Promise.all(answers.map(lengthUntilItFails));
      assert.ok(
        lengths.every((length) => length < layer.bytes.length),
        String(lengths),
      );
      assert.equal(await isKept(stage), false);
      isWhole((await stage.ask(`GET ${url}`)).bytes);
    });

    it(`a cache ${where} serves a blob without bytes`, async (test) => {
      const { place, ask } = await open(test);
      const empty = blobOf('');
      await give(place.repository('a'), empty);
      const { status, bytes } = await ask(`GET /v2/a/blobs/${empty.descriptor.digest}`);
      assert.equal(status, 200);
      assert.equal(bytes.length, 0);
    });
  });

  describe(`a part of a blob through a cache ${where}`, () => {
    it(`a cache ${where} fetches a part of a blob as a part, and does not keep it`, async (test) => {
      const stage = await open(test);
      await give(stage.place.repository('a'), layer);
      const { status, bytes } = await stage.ask(`GET ${url}`, { headers: { range: 'bytes=100-199' } });
      assert.equal(status, 206);
      assert.deepEqual(bytes, whole.subarray(100, 200));
      assert.deepEqual(stage.taken(), ['HEAD blob.head', 'GET blob.get']);
      assert.deepEqual(stage.requests.at(-1)?.headers['range'], ['bytes=100-199']);
      assert.equal(await isKept(stage), false);
    });

    it(`a cache ${where} takes a part from a blob that is arriving`, async (test) => {
      const gate = gated(2_000_000);
      const { place, send, ask, taken } = await open(test, { upstream: gate.upstream });
      await give(place.repository('a'), layer);
      const first = (await send(get())).body[Symbol.asyncIterator]();
      await first.next();
      const early = await ask(`GET ${url}`, { headers: { range: 'bytes=100-199' } });
      assert.deepEqual(early.bytes, whole.subarray(100, 200));
      const late = ask(`GET ${url}`, { headers: { range: 'bytes=2500000-' } });
      gate.open();
      assert.deepEqual((await late).bytes, whole.subarray(2_500_000));
      assert.deepEqual(taken(), ['GET blob.get']);
      await first.return?.();
    });

    it(`a cache ${where} takes a part from a stored blob`, async (test) => {
      const { place, ask, taken } = await open(test);
      await give(place.repository('a'), layer);
      await ask(`GET ${url}`);
      taken();
      const { bytes } = await ask(`GET ${url}`, { headers: { range: 'bytes=100-199' } });
      assert.deepEqual(bytes, whole.subarray(100, 200));
      assert.deepEqual(taken(), []);
    });

    it(`a part from the first byte to the last is the whole blob for a cache ${where}`, async (test) => {
      const stage = await open(test);
      await give(stage.place.repository('a'), layer);
      const { bytes } = await stage.ask(`GET ${url}`, { headers: { range: 'bytes=0-' } });
      isWhole(bytes);
      await untilKept(stage);
    });
  });
}

describe('a blob through a cache', () => {
  it('a HEAD of a blob becomes a HEAD to the upstream', async (test) => {
    const stage = cacheStage(test);
    await give(stage.place.repository('a'), layer);
    const { status, headers } = await stage.ask(`HEAD ${url}`);
    assert.equal(status, 200);
    assert.deepEqual(headers['content-length'], ['3000000']);
    assert.deepEqual(stage.taken(), ['HEAD blob.head']);
    assert.equal(await isKept(stage), false);
  });

  it('a blob that the upstream lacks is missing in the cache', async (test) => {
    const { ask, taken } = cacheStage(test);
    assert.equal((await ask(`GET ${url}`)).code, 'BLOB_UNKNOWN');
    assert.equal((await ask(`HEAD ${url}`)).status, 404);
    assert.deepEqual(taken(), ['GET blob.get', 'HEAD blob.head', 'GET blob.get']);
  });

  it('a blob of another repository is not fetched again if the upstream has it in this one', async (test) => {
    // gantry reads no more than the beginning of the response that reports it.
    const { upstream } = gated(1_000_000);
    const { place, cache, ask, taken } = cacheStage(test, { cache: await diskCache(test), upstream });
    await give(cache.repository('a'), layer);
    await give(place.repository('b'), layer);
    isWhole((await ask(`GET ${url.replace('/a/', '/b/')}`)).bytes);
    assert.deepEqual(taken(), ['GET blob.get']);
    assert.equal((await ask(`GET ${url.replace('/a/', '/c/')}`)).status, 404);
    assert.equal((await ask(`HEAD ${url.replace('/a/', '/c/')}`)).status, 404);
  });

  it('a cache resumes a broken blob as often as its line to the upstream permits', async (test) => {
    const cut: Fault = {
      when: { operation: 'blob.get' },
      effect: { cut: { of: 'answer', after: 1_000_000 } },
    };
    const { place, ask, taken } = cacheStage(test, {
      upstream: withFaults([cut]),
      attempts: 3,
    });
    await give(place.repository('a'), layer);
    isWhole((await ask(`GET ${url}`)).bytes);
    assert.deepEqual(taken(), ['GET blob.get', 'GET blob.get']);
  });

  it('a blob that stands still ends with the limit of the line to the upstream', async (test) => {
    const clock = createManualClock();
    const stage = cacheStage(test, {
      upstream: withFaults([
        { when: { operation: 'blob.get' }, effect: { stall: { of: 'answer', after: 2_000_000 } } },
      ]),
      line: (transport) => createLine({ transport, retry: { attempts: 1 }, timeouts: { clock } }),
    });
    await give(stage.place.repository('a'), layer);
    const broken = lengthUntilItFails(await stage.send(get()));
    await clock.advance(await clock.waiting());
    for (let done = false; !done; ) {
      done = await Promise.race([broken.then(() => true), clock.advance(60_000).then(() => false)]);
    }
    assert.equal(await isKept(stage), false);
    isWhole((await stage.ask(`GET ${url}`)).bytes);
  });

  it('closing the cache during a fetch leaves nothing', async (test) => {
    const gate = gated(2_000_000);
    const stage = cacheStage(test, { upstream: gate.upstream });
    await give(stage.place.repository('a'), layer);
    const broken = lengthUntilItFails(await stage.send(get()));
    const reader = (await stage.send(get())).body[Symbol.asyncIterator]();
    await reader.next();
    const closed = stage.through[Symbol.asyncDispose]();
    gate.open();
    await closed;
    await broken;
    assert.equal(await isKept(stage), false);
    assert.deepEqual(await listOf(stage.cache.repositories()), []);
  });
});
