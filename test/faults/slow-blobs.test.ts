import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Content, mapContent } from '../../src/flow/content.ts';
import { blobOf, give, noise, type SampleBlob } from '../../src/testing/contract/sample.ts';
import type { Clock } from '../../src/time/clock.ts';
import type { Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer } from '../../src/wire/reply.ts';
import {
  large,
  mebibyte,
  minute,
  pass,
  reads,
  second,
  slowly,
  small,
  streams,
  writes,
} from './blob-scenes.ts';
import { operationOf } from './spoil.ts';
import { virtualPlace } from './virtual-time.ts';

/** Blobs that are slow but alive, with the default limits and in virtual time: gantry cuts nothing that moves. */

/** Answers each request of a kind after so many milliseconds. */
const late =
  (kind: OperationKind, milliseconds: number) =>
  (clock: Clock): Middleware =>
  (next) =>
  async (request) => {
    if (operationOf(request)?.kind === kind) await pass(clock, milliseconds);
    return next(request);
  };

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
