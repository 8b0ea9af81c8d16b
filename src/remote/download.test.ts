import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransportError } from '../errors.ts';
import { drain } from '../flow/collect.ts';
import type { OpenOptions } from '../flow/content.ts';
import type { RetryEvent, RetryOptions } from '../http/backoff.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, emptyConfig, failsWith, give, noise, read } from '../testing/contract/sample.ts';
import type { Clock } from '../time/clock.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import { errorAnswer } from '../wire/reply.ts';
import { createRemoteRegistry } from './registry.ts';

const size = 100_000;
const sample = blobOf(noise(size));

/** A fault in one answer to a GET of the blob. It can also change the request. */
type Fault = (
  send: (request: HttpRequest) => Promise<HttpResponse>,
  request: HttpRequest,
) => Promise<HttpResponse>;

const none: Fault = (send, request) => send(request);

/** Passes the body of the answer through `change`. */
function body(change: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>): Fault {
  return async (send, request) => {
    const response = await send(request);
    return { ...response, body: change(response.body) };
  };
}

async function* firstOf(source: AsyncIterable<Uint8Array>, length: number): AsyncIterable<Uint8Array> {
  let left = length;
  for await (const chunk of source) {
    if (left > 0) yield chunk.subarray(0, left);
    left -= chunk.byteLength;
    if (left <= 0) return;
  }
}

const broken = (code: 'CUT_OFF' | 'STALLED', length: number): Fault =>
  body(async function* (source) {
    yield* firstOf(source, length);
    throw new TransportError(code, 'the far side is gone');
  });
const cut = (length: number): Fault => broken('CUT_OFF', length);
const endsAfter = (length: number): Fault => body((source) => firstOf(source, length));

const headers =
  (change: Readonly<Record<string, readonly string[]>>, inner: Fault = none): Fault =>
  async (send, request) => {
    const response = await inner(send, request);
    return { ...response, headers: { ...response.headers, ...change } };
  };

const again = (fault: Fault): readonly Fault[] => Array.from({ length: 20 }, () => fault);

const withoutRange: Fault = (send, request) =>
  send({ ...request, headers: { ...request.headers, range: [] } });
const answers =
  (status: number): Fault =>
  async () =>
    errorAnswer('UNKNOWN', 'not now', { status });
const refuses: Fault = async () => {
  throw new TransportError('NO_CONNECTION', 'nothing listens there');
};
const flips: Fault = body(async function* (source) {
  for await (const chunk of source) {
    const changed = chunk.slice();
    changed[0] = (changed[0] ?? 0) ^ 1;
    yield changed;
  }
});

/** A clock whose waits end at once. */
const hasty: Clock = {
  now: () => 0,
  after(_, wake) {
    queueMicrotask(wake);
    return () => undefined;
  },
};

interface Asked {
  readonly range: string | undefined;
  readonly condition: string | undefined;
}

interface Seen {
  readonly repository: Repository;
  readonly asked: readonly Asked[];
  readonly retries: readonly RetryEvent[];
}

/** A registry with the sample. Its answers to GETs of blobs have the faults, one after the other, and then none. */
async function registry(faults: readonly Fault[], retry: RetryOptions = {}): Promise<Seen> {
  const memory = createMemoryRegistry();
  await give(memory.repository('acme/app'), sample, emptyConfig);
  const app = createApp(memory);
  const asked: Asked[] = [];
  const retries: RetryEvent[] = [];
  const remote = createRemoteRegistry({
    base: 'http://registry.test',
    send: (request) => {
      if (request.method !== 'GET') return app(request);
      const fault = faults[asked.length] ?? none;
      asked.push({
        range: headerValue(request.headers, 'range'),
        condition: headerValue(request.headers, 'if-range'),
      });
      return fault(app, request);
    },
    download: {
      retry: {
        attempts: 3,
        initial: 100,
        factor: 2,
        jitter: 0,
        clock: hasty,
        onRetry: (event) => retries.push(event),
        ...retry,
      },
    },
  });
  return { repository: remote.repository('acme/app'), asked, retries };
}

const entityTag = `"${sample.descriptor.digest}"`;

interface Row {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly part?: OpenOptions;
  /** The Range of each GET. */
  readonly ranges: readonly (string | undefined)[];
  /** Milliseconds. */
  readonly waits?: readonly number[];
  /** Default: the download has the right bytes. */
  readonly fails?: string;
}

const rows: readonly Row[] = [
  { name: 'a download without a fault takes one GET', faults: [], ranges: [undefined], waits: [] },
  {
    name: 'a download that is cut continues after the last byte',
    faults: [cut(30_000)],
    ranges: [undefined, 'bytes=30000-'],
    waits: [100],
  },
  {
    name: 'a download that is cut before the first byte starts over',
    faults: [cut(0)],
    ranges: [undefined, undefined],
    waits: [100],
  },
  {
    name: 'a download that stalls continues after the last byte',
    faults: [broken('STALLED', 5)],
    ranges: [undefined, 'bytes=5-'],
  },
  {
    name: 'a download that ends early without an error continues at once',
    faults: [endsAfter(40_000)],
    ranges: [undefined, 'bytes=40000-'],
    waits: [0],
  },
  {
    name: 'a download with a Content-Length that is too short continues at once',
    faults: [headers({ 'content-length': ['40000'] }, endsAfter(40_000))],
    ranges: [undefined, 'bytes=40000-'],
    waits: [0],
  },
  {
    name: 'slow-resume: a download counts its attempts from the start after each 64 KiB, and continues at once',
    faults: [cut(10), cut(65_526), cut(10), cut(10)],
    ranges: [undefined, 'bytes=10-', 'bytes=65536-', 'bytes=65546-'],
    waits: [100, 0, 200],
    fails: 'CUT_OFF',
  },
  {
    name: 'download-by-the-byte: a download that is cut after each few bytes fails when its attempts are used up',
    faults: [cut(1), cut(1), cut(1)],
    ranges: [undefined, 'bytes=1-', 'bytes=2-'],
    waits: [100, 200],
    fails: 'CUT_OFF',
  },
  {
    name: 'download-by-the-byte: a download that ends early after each few bytes fails when its attempts are used up',
    faults: [endsAfter(1), endsAfter(1), endsAfter(1)],
    ranges: [undefined, 'bytes=1-', 'bytes=2-'],
    waits: [0, 0],
    fails: 'CUT_OFF',
  },
  ...(['CUT_OFF', 'STALLED'] as const).map((code) => ({
    name: `end-that-never-comes: a complete download succeeds although its answer ends with ${code}`,
    faults: [broken(code, size)],
    ranges: [undefined],
    waits: [],
  })),
  {
    name: 'a download that brings no more bytes fails when its attempts are used up',
    faults: [cut(10), cut(0), cut(0), cut(0)],
    ranges: [undefined, 'bytes=10-', 'bytes=10-'],
    waits: [100, 200],
    fails: 'CUT_OFF',
  },
  {
    name: 'a download that ends early again and again without a byte fails',
    faults: [endsAfter(10), endsAfter(0), endsAfter(0)],
    ranges: [undefined, 'bytes=10-', 'bytes=10-'],
    waits: [0, 200],
    fails: 'CUT_OFF',
  },
  ...[408, 429, 500, 502, 503, 504].map((status) => ({
    name: `a download that is refused with ${status} in the middle waits and continues`,
    faults: [cut(10), answers(status)],
    ranges: [undefined, 'bytes=10-', 'bytes=10-'],
    waits: [100, 200],
  })),
  {
    name: 'a download that is refused again and again in the middle fails with the words of the registry',
    faults: [cut(10), answers(503), answers(429), answers(429)],
    ranges: [undefined, 'bytes=10-', 'bytes=10-', undefined],
    fails: 'TOOMANYREQUESTS',
  },
  {
    name: 'a download continues after the registry has restarted in the middle',
    faults: [cut(10), refuses],
    ranges: [undefined, 'bytes=10-', 'bytes=10-'],
  },
  {
    name: 'a download that is refused at its beginning is not requested again',
    faults: [answers(503)],
    ranges: [undefined],
    waits: [],
    fails: 'UNKNOWN',
  },
  {
    name: 'a download does not continue after the blob was deleted',
    faults: [cut(10), answers(404), answers(404)],
    ranges: [undefined, 'bytes=10-', undefined],
    waits: [100],
    fails: 'BLOB_UNKNOWN',
  },
  {
    // id: download-without-range
    name: 'a download from a registry without Range reads the known bytes again and drops them',
    faults: [cut(30_000), withoutRange],
    ranges: [undefined, 'bytes=30000-'],
  },
  {
    name: 'a download from a registry without Range starts over when it is cut again',
    faults: [cut(30_000), (send, request) => cut(50_000)((one) => withoutRange(send, one), request)],
    ranges: [undefined, 'bytes=30000-', 'bytes=50000-'],
    waits: [100, 200],
  },
  ...[400, 403, 404, 405, 412, 416, 501].map((status) => ({
    name: `range-refused: a download starts over once when its Range is refused with ${status}`,
    faults: [cut(30_000), answers(status)],
    ranges: [undefined, 'bytes=30000-', undefined],
    waits: [100],
  })),
  ...[429, 500, 503].map((status) => ({
    name: `range-refused: a download starts over once when its Range is refused with ${status} until the attempts are used up`,
    faults: [cut(30_000), answers(status), answers(status)],
    ranges: [undefined, 'bytes=30000-', 'bytes=30000-', undefined],
  })),
  {
    name: 'range-refused: a download that is cut again after it started over reads from the beginning, without a Range',
    faults: [cut(30_000), answers(403), cut(60_000), cut(80_000)],
    ranges: [undefined, 'bytes=30000-', undefined, undefined, undefined],
  },
  ...[400, 403, 416, 501].map((status) => ({
    name: `range-refused: the download of a part reads the whole when its Range is refused with ${status}`,
    faults: [answers(status)],
    part: { from: 100, to: 200 },
    ranges: ['bytes=100-199', undefined],
  })),
  ...[`bytes 30000-99999/*`, `bytes=30000-99999/${size}`].map((text) => ({
    name: `content-range-forms: a download takes "${text}" for the rest`,
    faults: [cut(30_000), headers({ 'content-range': [text] })],
    ranges: [undefined, 'bytes=30000-'],
  })),
  {
    name: 'a download that gets a part without a Content-Range starts over and requests no parts',
    faults: [cut(30_000), headers({ 'content-range': [] })],
    ranges: [undefined, 'bytes=30000-', undefined],
  },
  {
    name: 'a download that gets another part starts over and requests no parts',
    faults: [cut(30_000), headers({ 'content-range': [`bytes 30001-99999/${size}`] }), cut(40_000)],
    ranges: [undefined, 'bytes=30000-', undefined, undefined],
  },
  {
    name: 'a download that gets a part with an earlier beginning drops the known bytes',
    faults: [
      cut(30_000),
      (send, request) => send({ ...request, headers: { ...request.headers, range: ['bytes=20000-'] } }),
    ],
    ranges: [undefined, 'bytes=30000-'],
  },
  {
    name: 'a download that gets less than the requested part requests the rest',
    faults: [
      cut(30_000),
      (send, request) => send({ ...request, headers: { ...request.headers, range: ['bytes=30000-59999'] } }),
    ],
    ranges: [undefined, 'bytes=30000-', 'bytes=60000-'],
    waits: [100, 0],
  },
  {
    name: 'a download fails when the answer to a GET without a Range is a part',
    faults: [(send, request) => send({ ...request, headers: { range: ['bytes=10-'] } })],
    ranges: [undefined],
    fails: 'UNEXPECTED_ANSWER',
  },
  {
    name: 'a download with a flipped byte fails at its end',
    faults: [flips],
    ranges: [undefined],
    fails: 'DIGEST_INVALID',
  },
  {
    name: 'a download with a flipped byte before a cut fails at its end, since the hash continues',
    faults: [(send, request) => cut(30_000)((one) => flips(send, one), request)],
    ranges: [undefined, 'bytes=30000-'],
    fails: 'DIGEST_INVALID',
  },
  {
    name: 'the download of a part continues within the part',
    faults: [cut(10)],
    part: { from: 100, to: 200 },
    ranges: ['bytes=100-199', 'bytes=110-199'],
  },
  {
    name: 'the download of a part from a registry without Range drops the bytes around it',
    faults: [withoutRange],
    part: { from: 100, to: 200 },
    ranges: ['bytes=100-199'],
  },
  {
    name: 'the download of a part behind the end sends no request',
    faults: [],
    part: { from: size },
    ranges: [],
  },
];

describe('a download', () => {
  for (const { name, faults, part = {}, ranges, waits, fails } of rows) {
    it(name, async () => {
      const { repository, asked, retries } = await registry(faults);
      const bytes = read(repository.blobs.open(sample.descriptor), part);
      if (fails === undefined) {
        assert.ok(Buffer.from(sample.bytes.subarray(part.from ?? 0, part.to)).equals(await bytes));
      } else {
        await failsWith(bytes, fails);
      }
      assert.deepEqual(
        asked.map(({ range }) => range),
        ranges,
      );
      if (waits !== undefined)
        assert.deepEqual(
          retries.map(({ nextRetryIn }) => nextRetryIn),
          waits,
        );
    });
  }

  it('a download of unknown size takes the size from the answer', async () => {
    const { repository, asked } = await registry([cut(10), endsAfter(10)]);
    assert.deepEqual(await read(repository.blobs.open(sample.descriptor.digest)), sample.bytes);
    assert.deepEqual(
      asked.map(({ range }) => range),
      [undefined, 'bytes=10-', 'bytes=20-'],
    );
  });

  it('a download of a blob that is shorter than its descriptor fails when the registry has shown the end twice', async () => {
    const { repository, asked } = await registry([]);
    const longer = { ...sample.descriptor, size: size + 1 };
    await failsWith(read(repository.blobs.open(longer)), 'SIZE_INVALID');
    assert.deepEqual(
      asked.map(({ range }) => range),
      [undefined, `bytes=${size}-`, undefined],
    );
  });

  // id: download-if-range
  it('a download requests the rest only of the same entity, if the registry names it', async () => {
    const { repository, asked } = await registry([cut(10)]);
    await drain(repository.blobs.open(sample.descriptor).open());
    assert.deepEqual(
      asked.map(({ condition }) => condition),
      [undefined, entityTag],
    );
  });

  for (const tag of [`W/${entityTag}`, 'no-quotes', '']) {
    it(`a download sets no condition with the entity tag ${tag}`, async () => {
      const { repository, asked } = await registry([headers({ etag: [tag] }, cut(10))]);
      assert.deepEqual(await read(repository.blobs.open(sample.descriptor)), sample.bytes);
      assert.deepEqual(
        asked.map(({ condition }) => condition),
        [undefined, undefined],
      );
    });
  }

  it('a download of another entity starts over', async () => {
    const { repository, asked } = await registry([headers({ etag: ['"before"'] }, cut(10))]);
    assert.deepEqual(await read(repository.blobs.open(sample.descriptor)), sample.bytes);
    assert.deepEqual(asked, [
      { range: undefined, condition: undefined },
      { range: 'bytes=10-', condition: '"before"' },
    ]);
  });

  for (const [how, faults] of [
    ['honours Range', [cut(size / 2), ...again(cut(0))]],
    ['ignores Range', again((send, request) => cut(size / 2)((sent) => withoutRange(send, sent), request))],
  ] as const) {
    it(`endless-download: a download that always breaks at the same place ends when the registry ${how}`, async () => {
      const { repository, asked } = await registry(faults);
      await failsWith(read(repository.blobs.open(sample.descriptor)), 'CUT_OFF');
      assert.equal(asked.length, 3);
    });
  }

  it('a download ends at once when it is aborted during a wait', async () => {
    const abort = new AbortController();
    const { repository, asked } = await registry([cut(10)], {
      clock: { now: () => 0, after: () => () => undefined },
      onRetry: () => queueMicrotask(() => abort.abort(new Error('enough'))),
    });
    const { signal } = abort;
    await assert.rejects(
      read(repository.blobs.open(sample.descriptor), { signal }),
      (error) => error === signal.reason,
    );
    assert.equal(asked.length, 1);
  });

  it('a download ends when its observer of retries returns false', async () => {
    const { repository, asked } = await registry([cut(10)], { onRetry: () => false });
    await failsWith(read(repository.blobs.open(sample.descriptor)), 'CUT_OFF');
    assert.equal(asked.length, 1);
  });

  it('a download lets the caller decide which errors it retries', async () => {
    const { repository } = await registry([cut(10), answers(404)], { retryable: () => true });
    assert.deepEqual(await read(repository.blobs.open(sample.descriptor)), sample.bytes);
  });
});
