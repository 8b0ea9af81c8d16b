import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransportError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import { measure } from '../flow/hash.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { blobOf, emptyConfig, failsWith, give, noise } from '../testing/contract/sample.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import { errorAnswer } from '../wire/reply.ts';
import { createRemoteRegistry } from './registry.ts';

const mebibyte = 1024 * 1024;
const part = 2 * mebibyte;
const size = 34 * mebibyte;
const sample = blobOf(noise(size));
const memory = createMemoryRegistry();
const entityTag = `"${sample.descriptor.digest}"`;

type Send = (request: HttpRequest) => Promise<HttpResponse>;
/** The fault in the answer to the GET with this number, from 0. */
type Fault = (send: Send, request: HttpRequest, number: number) => Promise<HttpResponse>;

const none: Fault = (send, request) => send(request);
const whole: Fault = (send, request) =>
  send({ ...request, headers: { ...request.headers, range: [], 'if-range': [] } });
const from =
  (first: number, fault: Fault): Fault =>
  (send, request, number) =>
    (number >= first ? fault : none)(send, request, number);
const only =
  (number: number, fault: Fault): Fault =>
  (send, request, at) =>
    (at === number ? fault : none)(send, request, at);
const refused =
  (status: number): Fault =>
  async (send, request) =>
    headerValue(request.headers, 'range') === undefined
      ? send(request)
      : errorAnswer('UNKNOWN', 'no parts here', { status });
const refusedParts: Fault = async (send, request) =>
  /-\d+$/.test(headerValue(request.headers, 'range') ?? '')
    ? errorAnswer('DENIED', 'no parts here', { status: 403 })
    : send(request);
const said =
  (range: string): Fault =>
  async (send, request) => {
    const response = await send(request);
    return { ...response, headers: { ...response.headers, 'content-range': [range] } };
  };
const cut: Fault = async (send, request) => {
  const response = await send(request);
  const body = async function* (): AsyncIterable<Uint8Array> {
    for await (const chunk of response.body) {
      yield chunk.subarray(0, 1000);
      throw new TransportError('CUT_OFF', 'the far side is gone');
    }
  };
  return { ...response, body: body() };
};
const flipped: Fault = async (send, request) => {
  const response = await send(request);
  const body = async function* (): AsyncIterable<Uint8Array> {
    for await (const chunk of response.body) yield chunk.map((byte) => byte ^ 1);
  };
  return { ...response, body: body() };
};

interface Seen {
  readonly content: Content;
  /** The same content, opened by its digest alone. */
  readonly unsized: Content;
  readonly asked: { readonly range: string | undefined; readonly condition: string | undefined }[];
  /** The unfinished answers, now and at most. */
  readonly open: { now: number; most: number };
}

/** A registry with one slow answer, by its number, and a clock that moves only with the bytes of that one. */
async function registry(fault: Fault, { slow = 0 } = {}): Promise<Seen> {
  if ((await memory.repository('acme/app').blobs.stat(sample.descriptor.digest)) === undefined) {
    await give(memory.repository('acme/app'), sample, emptyConfig);
  }
  const app = createApp(memory);
  const asked: Seen['asked'] = [];
  const open = { now: 0, most: 0 };
  let time = 0;
  const clock: Clock = { ...systemClock, now: () => time };
  const counted = async function* (
    body: AsyncIterable<Uint8Array>,
    number: number,
  ): AsyncIterable<Uint8Array> {
    open.most = Math.max(open.most, ++open.now);
    try {
      for await (const chunk of body) {
        for (let at = 0; at < chunk.byteLength; at += mebibyte) {
          await new Promise((resolve) => setImmediate(resolve));
          if (number === slow) time += 1000;
          yield chunk.subarray(at, at + mebibyte);
        }
      }
    } finally {
      open.now--;
    }
  };
  const remote = createRemoteRegistry({
    base: 'http://registry.test',
    send: async (request) => {
      if (request.method !== 'GET') return app(request);
      const number = asked.length;
      asked.push({
        range: headerValue(request.headers, 'range'),
        condition: headerValue(request.headers, 'if-range'),
      });
      const response = await fault(app, request, number);
      return { ...response, body: counted(response.body, number) };
    },
    clock,
    download: { retry: { attempts: 2, initial: 1, jitter: 0 } },
  });
  const { blobs } = remote.repository('acme/app');
  const { digest } = sample.descriptor;
  return { content: blobs.open(sample.descriptor), unsized: blobs.open(digest), asked, open };
}

const byText = (a: string, b: string): number => a.localeCompare(b);
const range = (start: number, end: number): string => `bytes=${start}-${end - 1}`;
const parts = Array.from({ length: size / part }, (_, at) => range(at * part, (at + 1) * part));

describe('a large blob', () => {
  for (const { name, fault = none, slow = 0, ranges } of [
    { name: 'a large blob comes in parts if one connection is slow', ranges: parts },
    {
      name: 'a large blob comes in two answers if one connection is fast',
      slow: -1,
      ranges: [range(0, part), `bytes=${part}-`],
    },
    {
      name: 'slow-part: a large blob comes in parts from the place where a fast connection becomes slow',
      slow: 1,
      ranges: [range(0, part), `bytes=${part}-`, ...parts.slice(3)],
    },
    {
      name: 'a large blob comes in one answer if the registry ignores Range',
      fault: whole,
      ranges: [range(0, part)],
    },
    {
      name: 'a large blob comes in one answer if the registry refuses Range',
      fault: refused(501),
      ranges: [range(0, part), undefined],
    },
    {
      name: 'a large blob comes in one answer if the Range cannot be satisfied',
      fault: refused(416),
      ranges: [range(0, part), undefined],
    },
    {
      name: 'a large blob comes in one answer if the Content-Range is another one',
      fault: only(0, said(`bytes 5-${part + 4}/${size}`)),
      ranges: [range(0, part), undefined],
    },
    {
      name: 'a large blob with a broken part is requested again only for the rest of that part',
      fault: only(4, cut),
      ranges: [...parts, `bytes=${4 * part + 1000}-${5 * part - 1}`],
    },
  ] satisfies readonly { name: string; fault?: Fault; slow?: number; ranges: (string | undefined)[] }[]) {
    it(name, async () => {
      const { content, asked, open } = await registry(fault, { slow });
      assert.deepEqual(await measure(content.open()), { digest: sample.descriptor.digest, size });
      assert.deepEqual(
        asked.map((one) => one.range ?? 'all').toSorted(byText),
        ranges.map((one) => one ?? 'all').toSorted(byText),
      );
      assert.equal(open.now, 0);
      assert.ok(open.most <= 8, `${open.most} at once`);
    });
  }

  for (const { name, fault } of [
    { name: 'sends the whole blob instead of a part', fault: from(3, whole) },
    { name: 'refuses a part', fault: from(3, refusedParts) },
    { name: 'sends another part', fault: from(3, said(`bytes 5-${part + 4}/${size}`)) },
  ]) {
    it(`a large blob continues over one connection when the registry ${name}`, async () => {
      const { content, asked, open } = await registry(fault);
      assert.deepEqual(await measure(content.open()), { digest: sample.descriptor.digest, size });
      assert.equal(asked[0]?.range, range(0, part));
      assert.equal(asked.filter((one) => one.range === range(0, part)).length, 1);
      assert.equal(open.now, 0);
    });
  }

  for (const { name, fault = none, slow = 0, ranges } of [
    {
      name: 'comes in parts if one connection is slow',
      ranges: Array.from({ length: 17 }, (_, at) =>
        range(mebibyte + at * part, Math.min(size, mebibyte + (at + 1) * part)),
      ),
    },
    {
      name: 'comes in two answers if one connection is fast',
      slow: -1,
      ranges: [range(mebibyte, mebibyte + part), `bytes=${mebibyte + part}-`],
    },
    {
      name: 'comes in one answer if the registry ignores Range',
      fault: whole,
      ranges: [range(mebibyte, mebibyte + part)],
    },
    {
      name: 'comes in one answer if the registry refuses Range',
      fault: refused(416),
      ranges: [range(mebibyte, mebibyte + part), undefined],
    },
  ] satisfies readonly { name: string; fault?: Fault; slow?: number; ranges: (string | undefined)[] }[]) {
    it(`the large rest of a blob ${name}`, async () => {
      const { content, asked, open } = await registry(fault, { slow });
      const rest = blobOf(sample.bytes.subarray(mebibyte));
      assert.deepEqual(await measure(content.open({ from: mebibyte, to: size })), {
        digest: rest.descriptor.digest,
        size: size - mebibyte,
      });
      assert.deepEqual(
        asked.map((one) => one.range ?? 'all').toSorted(byText),
        ranges.map((one) => one ?? 'all').toSorted(byText),
      );
      assert.equal(open.now, 0);
    });
  }

  const later = Array.from({ length: size / part - 2 }, (_, at) => range((at + 2) * part, (at + 3) * part));
  for (const { name, fault = none, slow = 0, ranges } of [
    { name: 'comes in parts after its first 4 MiB if one connection is slow', ranges: [undefined, ...later] },
    { name: 'comes in one answer if one connection is fast', slow: -1, ranges: [undefined] },
    {
      name: 'comes in one answer if the registry refuses the parts',
      fault: refusedParts,
      ranges: [undefined, ...later.slice(0, 7)],
    },
    {
      name: 'comes in one answer if the registry sends the whole blob instead of a part',
      fault: whole,
      ranges: [undefined, ...later.slice(0, 7)],
    },
  ] satisfies readonly { name: string; fault?: Fault; slow?: number; ranges: (string | undefined)[] }[]) {
    it(`a large blob of unknown size ${name}`, async () => {
      const { unsized, asked, open } = await registry(fault, { slow });
      assert.deepEqual(await measure(unsized.open()), { digest: sample.descriptor.digest, size });
      assert.deepEqual(
        asked.map((one) => one.range ?? 'all').toSorted(byText),
        ranges.map((one) => one ?? 'all').toSorted(byText),
      );
      while (open.now > 0) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(open.most <= 8, `${open.most} at once`);
    });
  }

  it('a large blob of unknown size continues over one connection when the registry refuses a later part', async () => {
    const { unsized, asked, open } = await registry(from(5, refusedParts));
    assert.deepEqual(await measure(unsized.open()), { digest: sample.descriptor.digest, size });
    assert.equal(asked.filter((one) => one.range === undefined).length, 1);
    assert.equal(asked.filter((one) => one.range?.endsWith('-')).length, 1);
    assert.equal(open.now, 0);
  });

  it('every part of a large blob but the first is requested on the condition of the same entity tag', async () => {
    const { content, asked } = await registry(none);
    await measure(content.open());
    assert.equal(asked[0]?.condition, undefined);
    assert.deepEqual(new Set(asked.slice(1).map((one) => one.condition)), new Set([entityTag]));
  });

  it('a large blob is verified as a whole', async () => {
    const { content } = await registry(only(5, flipped));
    await failsWith(measure(content.open()), 'DIGEST_INVALID');
  });

  it('a large blob whose reader leaves ends all of its parts', async () => {
    const { content, open } = await registry(none);
    let left = 2 * part;
    for await (const chunk of content.open()) {
      left -= chunk.byteLength;
      if (left <= 0) break;
    }
    while (open.now > 0) await new Promise((resolve) => setImmediate(resolve));
    const again = await registry(none);
    await measure(again.content.open());
    assert.equal(again.open.most, 8);
  });

  it('a large blob ends with the reason of the signal', async () => {
    const { content } = await registry(none);
    const end = new AbortController();
    const reading = measure(content.open({ signal: end.signal }));
    setImmediate(() => end.abort('enough'));
    await assert.rejects(reading, (error) => error === 'enough');
  });
});
