import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unlessAborted } from '../../src/flow/abort.ts';
import { measure } from '../../src/flow/hash.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import type { Repository } from '../../src/store/contract.ts';
import { give, type SampleBlob } from '../../src/testing/contract/sample.ts';
import type { Clock } from '../../src/time/clock.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { large, mebibyte, reads, second, slowly, small, streams, writes } from './blob-scenes.ts';
import { all, operationOf } from './spoil.ts';
import { virtualPlace } from './virtual-time.ts';

/**
 * Blobs whose requests go silent, with the default limits and in virtual time: gantry ends each silence within 40 s.
 */

/** Milliseconds that a silence costs: until a second request, and at most. */
const [least, most] = [10 * second, 40 * second];

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

const inChunks: UploadOptions = { chunkThreshold: 1, chunkSize: 100_000 };

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
  /** Another part is there long before, so a second request overtakes the silent one. */
  readonly isOvertaken?: boolean;
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
      isOvertaken: number > 0,
    },
    {
      name: `silent-read: a large blob whose answer number ${number} goes silent at half`,
      fault: (clock) => all(tenMegabytes(clock), only('blob.get', number, silentAtHalf)),
      run: reads(large),
      holds: large,
      isOvertaken: number > 0,
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
    it(`${stall.name} arrives within ${stall.isOvertaken === true ? 2 : 40} s`, {
      timeout: 120_000,
    }, async () => {
      // A first run loads each needed module, which takes no virtual time.
      await play({ ...stall, fault: tenMegabytes });
      const milliseconds = await play(stall);
      const [from, to] = stall.isOvertaken === true ? [0, 2 * second] : [least, most];
      assert.ok(milliseconds >= from && milliseconds <= to, `${milliseconds / second} s`);
    });
  }
});
