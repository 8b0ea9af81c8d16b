import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unlessAborted } from '../../src/flow/abort.ts';
import { type Content, mapContent, streamContent } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, give, noise, type SampleBlob } from '../../src/testing/contract/sample.ts';
import type { Clock } from '../../src/time/clock.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer } from '../../src/wire/reply.ts';
import { all, operationOf } from './spoil.ts';
import { virtualPlace } from './virtual-time.ts';

/**
 * Blobs whose requests go silent, and blobs that are slow but alive, with the default limits and in virtual time: gantry ends
 * each silence within 40 s, and cuts nothing that moves.
 */

const second = 1000;
const minute = 60 * second;
const limit = 40 * second;
const mebibyte = 1024 * 1024;
const small: SampleBlob = blobOf(noise(300_000));
const large: SampleBlob = blobOf(noise(34 * mebibyte));

/** Changes the exchange with this number among those of one kind, from 0. */
function only(
  kind: OperationKind,
  number: number,
  effect: (request: HttpRequest, send: () => Promise<HttpResponse>) => Promise<HttpResponse>,
): Middleware {
  let count = 0;
  return (next) => (request) => {
    const strikes = operationOf(request)?.kind === kind && count++ === number;
    return strikes ? effect(request, () => next(request)) : next(request);
  };
}

const silence = (signal: AbortSignal | undefined): Promise<never> =>
  unlessAborted(new Promise<never>(() => undefined), signal);

const neverAnswers = (request: HttpRequest): Promise<HttpResponse> => silence(request.signal);

/** The registry does the operation, and its answer never comes. */
const losesAnswer = async (
  { signal, ...request }: HttpRequest,
  send: () => Promise<HttpResponse>,
): Promise<HttpResponse> => {
  assert.equal(request.replay, 'never');
  await send();
  return silence(signal);
};

const silentAtHalf = async (
  { signal }: HttpRequest,
  send: () => Promise<HttpResponse>,
): Promise<HttpResponse> => {
  const response = await send();
  const half = Number(headerValue(response.headers, 'content-length')) / 2;
  const body = async function* (): AsyncIterable<Uint8Array> {
    let at = 0;
    for await (const chunk of response.body) {
      if (at + chunk.byteLength > half) yield chunk.subarray(0, half - at);
      else yield chunk;
      at += chunk.byteLength;
      if (at > half) await silence(signal);
    }
  };
  return { ...response, body: body() };
};

const reads =
  ({ descriptor }: SampleBlob) =>
  async (place: Repository): Promise<void> => {
    assert.equal((await measure(place.blobs.open(descriptor).open())).digest, descriptor.digest);
  };
const writes = (place: Repository): Promise<unknown> => place.blobs.write(small.descriptor, small.content);
const streams = (place: Repository): Promise<unknown> =>
  place.blobs.ingest(streamContent(small.content.open()));
const inChunks: UploadOptions = { chunkThreshold: 1, chunkSize: 100_000 };

/** Lets so many milliseconds pass. */
const pass = (clock: Clock, milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(milliseconds, resolve);
  });

/** Answers each request of a kind after so many milliseconds. */
const late =
  (kind: OperationKind, milliseconds: number) =>
  (clock: Clock): Middleware =>
  (next) =>
  async (request) => {
    if (operationOf(request)?.kind === kind) await pass(clock, milliseconds);
    return next(request);
  };

/** Yields the bytes in pieces of this length, with a wait before each one. */
async function* slowly(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
  { piece, every }: { readonly piece: number; readonly every: number },
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; at += piece) {
      await pass(clock, every);
      yield chunk.subarray(at, at + piece);
    }
  }
}

/** Answers with 1 MiB every 100 ms, so that a large blob comes in parts. */
const tenMegabytes: (clock: Clock) => Middleware = (clock) => (next) => async (request) => {
  const response = await next(request);
  return { ...response, body: slowly(response.body, clock, { piece: mebibyte, every: 100 }) };
};

interface Stall {
  readonly name: string;
  readonly fault: (clock: Clock) => Middleware;
  readonly run: (place: Repository) => Promise<unknown>;
  readonly holds?: SampleBlob;
  readonly upload?: UploadOptions;
}

const stalls: readonly Stall[] = [
  {
    name: 'silent-answer: a blob that is never answered',
    fault: () => only('blob.get', 0, neverAnswers),
    run: reads(small),
    holds: small,
  },
  {
    name: 'silent-read: a blob that goes silent at half',
    fault: () => only('blob.get', 0, silentAtHalf),
    run: reads(small),
    holds: small,
  },
  ...[0, 1, 7].flatMap((number): readonly Stall[] => [
    {
      name: `silent-answer: a large blob whose request number ${number} is never answered`,
      fault: (clock) => all(tenMegabytes(clock), only('blob.get', number, neverAnswers)),
      run: reads(large),
      holds: large,
    },
    {
      name: `silent-read: a large blob whose answer number ${number} goes silent at half`,
      fault: (clock) => all(tenMegabytes(clock), only('blob.get', number, silentAtHalf)),
      run: reads(large),
      holds: large,
    },
  ]),
  {
    name: 'silent-answer: an upload whose POST is never answered',
    fault: () => only('upload.mount', 0, neverAnswers),
    run: writes,
  },
  {
    name: 'silent-answer: the upload of a stream whose POST is never answered',
    fault: () => only('upload.start', 0, neverAnswers),
    run: streams,
  },
  {
    name: 'silent-commit: an upload whose closing PUT is never answered',
    fault: () => only('upload.commit', 0, losesAnswer),
    run: writes,
  },
  {
    name: 'silent-commit: an upload of a stream whose closing PUT is never answered',
    fault: () => only('upload.commit', 0, losesAnswer),
    run: streams,
  },
  {
    name: 'silent-chunk: an upload whose second chunk is never answered',
    fault: () => only('upload.append', 1, losesAnswer),
    run: writes,
    upload: inChunks,
  },
  {
    name: 'silent-chunk: an upload of a stream whose second chunk is never answered',
    fault: () => only('upload.append', 1, losesAnswer),
    run: streams,
    upload: { chunkSize: 100_000 },
  },
];

async function play({ fault, run, holds, upload }: Stall): Promise<number> {
  const scene = virtualPlace(fault, upload);
  if (holds !== undefined) await give(scene.inside, holds);
  const took = await scene.took(run(scene.place));
  if (holds === undefined) {
    const { digest, size } = await measure(scene.inside.blobs.open(small.descriptor).open());
    assert.deepEqual([digest, size], [small.descriptor.digest, small.descriptor.size]);
  }
  return took;
}

describe('a blob whose request goes silent, in virtual time', () => {
  for (const stall of stalls) {
    it(`${stall.name} arrives within 40 s`, { timeout: 120_000 }, async () => {
      // A first run loads each needed module, which takes no virtual time.
      await play({ ...stall, fault: tenMegabytes });
      const milliseconds = await play(stall);
      assert.ok(milliseconds >= 10 * second && milliseconds <= limit, `${milliseconds / second} s`);
    });
  }
});

interface Slow {
  readonly name: string;
  readonly blob: SampleBlob;
  readonly fault: (clock: Clock) => Middleware;
  /** The kinds of the requests. */
  readonly asked: readonly string[];
  /** The milliseconds that the work takes at least. */
  readonly least: number;
}

const few: SampleBlob = blobOf(noise(30));
describe('a blob that is slow but alive, in virtual time', () => {
  const slowReads: readonly Slow[] = [
    {
      name: 'a blob whose every answer takes 50 s',
      blob: small,
      fault: late('blob.get', 50 * second),
      asked: ['blob.get', 'blob.get'],
      least: 50 * second,
    },
    {
      name: 'a blob that brings 10 kB every 9 s',
      blob: small,
      fault: (clock) => (next) => async (request) => {
        const response = await next(request);
        return { ...response, body: slowly(response.body, clock, { piece: 10_000, every: 9 * second }) };
      },
      asked: ['blob.get'],
      least: 30 * 9 * second,
    },
    {
      name: 'a blob that brings one byte every 9 s',
      blob: few,
      fault: (clock) => (next) => async (request) => {
        const response = await next(request);
        return { ...response, body: slowly(response.body, clock, { piece: 1, every: 9 * second }) };
      },
      // A minute brings fewer bytes than 1 KiB, so each further request continues after the last byte.
      asked: ['blob.get', 'blob.get', 'blob.get', 'blob.get', 'blob.get'],
      least: 30 * 9 * second,
    },
  ];
  for (const { name, blob, fault, asked, least } of slowReads) {
    it(`slow-but-alive: ${name} arrives`, { timeout: 120_000 }, async () => {
      const scene = virtualPlace(fault);
      await give(scene.inside, blob);
      const took = await scene.took(reads(blob)(scene.place));
      assert.ok(took >= least, `${took / second} s`);
      assert.deepEqual(scene.asked, asked);
      // A request that is given up may bring one more byte.
      assert.ok(scene.carried() < blob.descriptor.size + asked.length, `${scene.carried()} bytes`);
    });
  }

  for (const [what, kind, run] of [
    ['an upload', 'upload.mount', writes],
    ['the upload of a stream', 'upload.start', streams],
  ] as const) {
    it(`late-session: ${what} whose POST is answered after 50 s takes the first session and cancels the other`, async () => {
      const scene = virtualPlace(late(kind, 50 * second));
      const took = await scene.took(run(scene.place));
      assert.ok(took >= 50 * second && took <= minute, `${took / second} s`);
      assert.notEqual(await scene.inside.blobs.stat(small.descriptor.digest), undefined);
      // The other POST is 15 s behind.
      await scene.clock.advance(20 * second);
      assert.deepEqual(
        scene.asked.filter((one) => one === kind || one === 'upload.cancel'),
        [kind, kind, 'upload.cancel'],
      );
      assert.equal(scene.clock.set(), 0);
    });
  }

  it('slow-but-alive: an upload that the registry takes at 2 kB a second is not cut', async () => {
    const scene = virtualPlace((clock) => (next) => async ({ body, ...request }) => {
      const slow = body && mapContent(body, (source) => taken(source, clock, 2 * 1024));
      return next({ ...request, ...(slow === undefined ? {} : { body: slow }) });
    });
    const took = await scene.took(scene.place.blobs.write(large.descriptor, large.content));
    assert.ok(took >= (large.descriptor.size / 2048) * second, `${took / second} s`);
    assert.equal(scene.asked.filter((one) => one === 'upload.commit').length, 1);
  });

  it('slow-but-alive: an upload whose source rests for 9 minutes between its chunks is not cut', async () => {
    const scene = virtualPlace(() => (next) => next);
    const slow = mapContent(small.content, (source) =>
      slowly(source, scene.clock, { piece: 100_000, every: 9 * minute }),
    );
    const took = await scene.took(scene.place.blobs.write(small.descriptor, slow));
    assert.ok(took >= 27 * minute, `${took / minute} min`);
    assert.deepEqual(scene.asked, ['blob.head', 'upload.mount', 'upload.commit']);
  });

  it('slow-but-alive: a registry that takes 5 minutes for the commit of 20 GB is not cut', async () => {
    const size = 20_000_000_000;
    const { descriptor } = small;
    const chunk = new Uint8Array(4 * mebibyte);
    let came = 0;
    const scene = virtualPlace((clock) => (next) => async (request) => {
      if (operationOf(request)?.kind !== 'upload.commit') return next(request);
      for await (const bytes of request.body?.open() ?? []) came += bytes.byteLength;
      await pass(clock, 5 * minute);
      return answer(201, { 'docker-content-digest': [descriptor.digest] });
    });
    const content: Content = {
      size,
      replayable: true,
      async *open() {
        for (let at = 0; at < size; at += chunk.byteLength) yield chunk.subarray(0, size - at);
      },
    };
    const took = await scene.took(scene.place.blobs.write({ ...descriptor, size }, content));
    assert.ok(took >= 5 * minute && took < 6 * minute, `${took / minute} min`);
    assert.equal(came, size);
    const questions = Array.from({ length: 20 }, () => 'blob.head');
    assert.deepEqual(scene.asked.slice(0, 3), ['blob.head', 'upload.mount', 'upload.commit']);
    assert.deepEqual(scene.asked.slice(3), questions.slice(0, scene.asked.length - 3));
    assert.ok(scene.asked.length >= 3 + 19);
  });
});

/** Takes bytes at a rate in bytes a second, as a kernel does with a slow peer: a chunk is taken after its last byte. */
async function* taken(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
  rate: number,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    await pass(clock, (chunk.byteLength / rate) * second);
    yield chunk;
  }
}
