import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../flow/content.ts';
import { createManualClock, type ManualClock, timed } from '../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { createBandwidth, inSmallPieces, limitBandwidth } from './bandwidth.ts';
import { createLine } from './line.ts';

const url = 'http://registry.test/v2/a';
const kibibyte = 1024;

/** Returns the seconds that the work takes in virtual time. */
async function seconds(clock: ManualClock, work: Promise<unknown>): Promise<number> {
  return (await timed(clock, work)) / 1000;
}

function get(signal?: AbortSignal): HttpRequest {
  return { method: 'GET', url, headers: {}, scopes: [], replay: 'safe', signal };
}

function put(size: number, signal?: AbortSignal): HttpRequest {
  const body = bytesContent(new Uint8Array(size).fill(7));
  return { method: 'PUT', url, headers: {}, scopes: [], replay: 'never', body, signal };
}

async function* chunks(count: number, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < count; at++) yield new Uint8Array(size).fill(at);
}

const answering =
  (body: () => AsyncIterable<Uint8Array>): Send =>
  async ({ url: asked }): Promise<HttpResponse> => ({ status: 200, headers: {}, body: body(), url: asked });

async function size(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.byteLength;
  return bytes;
}

/** A server that reads the body of each request and answers without one. */
const reading =
  (read: (bytes: number) => void = () => undefined): Send =>
  async ({ body, url: asked, signal }) => {
    if (body !== undefined) for await (const chunk of body.open({ signal })) read(chunk.byteLength);
    return { status: 201, headers: {}, body: chunks(0, 0), url: asked };
  };

describe('a limit of the bandwidth', () => {
  it('an answer takes the time of its bytes, and keeps them', async () => {
    const clock = createManualClock();
    const send = limitBandwidth(createBandwidth(100 * kibibyte, clock))(
      answering(() => chunks(10, 100 * kibibyte)),
    );
    const response = await send(get());
    const got: number[] = [];
    const took = await seconds(
      clock,
      (async () => {
        for await (const chunk of response.body) got.push(...chunk);
      })(),
    );
    assert.equal(got.length, 1000 * kibibyte);
    assert.ok(got.every((byte, at) => byte === Math.floor(at / (100 * kibibyte))));
    assert.ok(took > 9.9 && took <= 10, `${took} s`);
  });

  it('a request takes the time of its bytes, and both directions do not wait for each other', async () => {
    const clock = createManualClock();
    const send = limitBandwidth(createBandwidth(100 * kibibyte, clock))(async (request) => {
      await reading()(request);
      return answering(() => chunks(10, 100 * kibibyte))(request);
    });
    const both = Promise.all([
      send(put(1000 * kibibyte)),
      send(get()).then((response) => size(response.body)),
    ]);
    const took = await seconds(clock, both);
    assert.ok(took > 9.9 && took <= 10.1, `${took} s`);
  });

  it('a small body waits before its request goes out, and passes whole', async () => {
    const clock = createManualClock();
    const bandwidth = createBandwidth(10 * kibibyte, clock);
    const asked: number[] = [];
    const pieces: number[] = [];
    const send = limitBandwidth(bandwidth)((request) => {
      asked.push(clock.now());
      return reading((bytes) => pieces.push(bytes))(request);
    });
    await seconds(clock, Promise.all([send(put(10 * kibibyte)), send(put(10 * kibibyte))]));
    assert.deepEqual(pieces, [10 * kibibyte, 10 * kibibyte]);
    const [first = 0, second = 0] = asked;
    assert.ok(first > 900 && second > first - 1 && second <= 2000, asked.join(', '));
  });

  it('requests without a body and answers without one wait for nothing', async () => {
    const clock = createManualClock();
    const bandwidth = createBandwidth(kibibyte, clock);
    void bandwidth.sent.take(kibibyte * 100);
    void bandwidth.received.take(kibibyte * 100);
    const response = await limitBandwidth(bandwidth)(answering(() => chunks(0, 0)))(get());
    assert.equal(await size(response.body), 0);
    assert.equal(clock.set(), 0);
  });

  it('the end of the reading reaches the connection at once, also before the first byte', async () => {
    const ends: string[] = [];
    const body: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => body,
      next: async () => ({ done: false, value: new Uint8Array(10 * kibibyte) }),
      async return() {
        ends.push('ended');
        return { done: true, value: undefined };
      },
    };
    const clock = createManualClock();
    const send = limitBandwidth(createBandwidth(kibibyte, clock))(answering(() => body));
    const unread = (await send(get())).body[Symbol.asyncIterator]();
    await unread.return?.();
    assert.deepEqual(ends, ['ended']);
    const read = (await send(get())).body[Symbol.asyncIterator]();
    await read.next();
    const pending = read.next();
    pending.catch(() => undefined);
    await read.return?.();
    assert.deepEqual(ends, ['ended', 'ended']);
  });

  it('an abort ends the wait of an answer and of a request with its reason', async () => {
    const clock = createManualClock();
    const bandwidth = createBandwidth(kibibyte, clock);
    const send = limitBandwidth(bandwidth)(reading());
    void bandwidth.sent.take(100 * kibibyte);
    void bandwidth.received.take(100 * kibibyte);
    const end = new AbortController();
    const reason = new Error('enough');
    const answer = await limitBandwidth(bandwidth)(answering(() => chunks(1, kibibyte)))(get(end.signal));
    const waits = [send(put(kibibyte, end.signal)), send(put(kibibyte * 100, end.signal)), size(answer.body)];
    for (const wait of waits) wait.catch(() => undefined);
    end.abort(reason);
    for (const wait of waits) await assert.rejects(wait, reason);
  });

  it('content in small pieces keeps its bytes and its size', async () => {
    const content = inSmallPieces(bytesContent(new Uint8Array(10).fill(3)), 4);
    const got: number[] = [];
    for await (const piece of content.open({ from: 1 })) got.push(piece.byteLength);
    assert.deepEqual([got, content.size], [[4, 4, 1], 10]);
  });
});

/** A line with all timeouts, at 10 KiB/s, over a network that loses no time. */
function lineOver(transport: Send): { readonly send: Send; readonly clock: ManualClock } {
  const clock = createManualClock();
  const timeouts = { clock, answer: 60_000, progress: 60_000 };
  const bandwidth = createBandwidth(10 * kibibyte, clock);
  return { send: createLine({ transport, timeouts, bandwidth, retry: { attempts: 1, clock } }), clock };
}

describe('a limit of the bandwidth in the line of a registry', () => {
  it('16 answers at 10K together are not taken for silent ones', async () => {
    let asked = 0;
    const { send, clock } = lineOver((request) => {
      asked++;
      return answering(() => chunks(1, 200 * kibibyte))(request);
    });
    const all = Array.from({ length: 16 }, async () => size((await send(get())).body));
    const took = await seconds(clock, Promise.all(all));
    assert.deepEqual(
      await Promise.all(all),
      Array.from({ length: 16 }, () => 200 * kibibyte),
    );
    assert.equal(asked, 16);
    assert.ok(took > 315 && took <= 321, `${took} s`);
  });

  it('16 requests with bodies at 10K together are not taken for silent ones', async () => {
    let asked = 0;
    let got = 0;
    const { send, clock } = lineOver((request) => {
      asked++;
      return reading((bytes) => {
        got += bytes;
      })(request);
    });
    const all = Array.from({ length: 16 }, () => send(put(200 * kibibyte)));
    const took = await seconds(clock, Promise.all(all));
    assert.deepEqual([asked, got], [16, 16 * 200 * kibibyte]);
    assert.ok(took > 315 && took <= 321, `${took} s`);
  });

  it('a manifest that waits behind blobs is sent once', async () => {
    let asked = 0;
    const { send, clock } = lineOver((request) => {
      asked++;
      return reading()(request);
    });
    const blobs = Array.from({ length: 16 }, () => send(put(100 * kibibyte)));
    const manifest = send({ ...put(64 * kibibyte), replay: 'safe' });
    await seconds(clock, Promise.all([...blobs, manifest]));
    assert.equal(asked, 17);
  });
});
