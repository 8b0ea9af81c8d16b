import assert from 'node:assert/strict';
import type { Algorithm, Digest } from '../../src/spec/digest.ts';
import type { Point } from './point.ts';
import {
  type Answer,
  blobAt,
  closing,
  digestOf,
  located,
  octets,
  pullable,
  pushBlob,
  type Stage,
  uploads,
} from './stage.ts';

interface Chunk {
  readonly from: number;
  readonly bytes: Uint8Array;
}

const chunkSize = 1_024;
/** As in the suite: three chunks, of which the last is short. */
const threeChunks = chunkSize * 3 - 5;

function chunksOf(bytes: Uint8Array): readonly Chunk[] {
  const chunks: Chunk[] = [];
  for (let from = 0; from < bytes.byteLength; from += chunkSize) {
    chunks.push({ from, bytes: bytes.subarray(from, from + chunkSize) });
  }
  return chunks;
}

function chunkHeaders({ from, bytes }: Chunk): Readonly<Record<string, string>> {
  return { ...octets, 'content-range': `${from}-${from + bytes.byteLength - 1}` };
}

interface ChunkedOptions {
  /** Sends the last chunk with the closing PUT. */
  readonly putLast?: boolean;
  /** Sends a wrong chunk before each right one: too far ahead, or from the beginning again. */
  readonly outOfOrder?: boolean;
}

/** Sends all chunks as the suite does. Returns the response to the closing PUT. */
async function sendChunks(
  { ask, repository }: Stage,
  bytes: Uint8Array,
  digest: Digest,
  { putLast = false, outOfOrder = false }: ChunkedOptions,
): Promise<Answer> {
  let location = located(await ask('POST', uploads(repository), { headers: { 'content-length': '0' } }), 202);
  const chunks = chunksOf(bytes);
  for (const [at, chunk] of chunks.entries()) {
    if (outOfOrder) {
      const wrong = chunks[at + 1] ?? chunks[0] ?? chunk;
      const closes = putLast && wrong === chunks.at(-1);
      const target = closes ? closing(location, digest) : location;
      const body = { body: wrong.bytes, headers: chunkHeaders(wrong) };
      assert.equal((await ask(closes ? 'PUT' : 'PATCH', target, body)).status, 416);
      location = await standsAt({ ask }, target, chunk.from);
    }
    if (putLast && at === chunks.length - 1) {
      return ask('PUT', closing(location, digest), { body: chunk.bytes, headers: chunkHeaders(chunk) });
    }
    const taken = await ask('PATCH', location, { body: chunk.bytes, headers: chunkHeaders(chunk) });
    location = located(taken, 202);
    assert.equal(taken.header('range'), `0-${chunk.from + chunk.bytes.byteLength - 1}`);
    location = await standsAt({ ask }, location, chunk.from + chunk.bytes.byteLength);
  }
  return ask('PUT', closing(location, digest), { headers: { ...octets, 'content-length': '0' } });
}

/** Endpoint end-13: asks for the offset of a session, at its Location with or without a digest. */
async function standsAt({ ask }: Pick<Stage, 'ask'>, target: string, offset: number): Promise<string> {
  const status = await ask('GET', target);
  const location = located(status, 204);
  assert.equal(status.header('range'), `0-${Math.max(0, offset - 1)}`);
  return location;
}

const chunkedWays: readonly [name: string, size: number, options: ChunkedOptions][] = [
  ['one chunk', 512, {}],
  ['three chunks', threeChunks, {}],
  ['three chunks, the last with the PUT', threeChunks, { putLast: true }],
  ['three chunks, each after one that is not next (416)', threeChunks, { outOfOrder: true }],
  [
    'three chunks, each after one that is not next, the last with the PUT',
    threeChunks,
    { putLast: true, outOfOrder: true },
  ],
];

/** Returns the points for every way to push a blob. */
export function uploadPoints(algorithm: Algorithm): readonly Point[] {
  return [
    {
      end: 'end-4a, end-6',
      name: 'POST and one PUT',
      run: async ({ ask, repository, blob }) => void (await pushBlob(ask, repository, blob(), algorithm)),
    },
    {
      end: 'end-4b',
      name: 'one POST with the digest and all bytes',
      async run({ ask, repository, blob }) {
        const bytes = blob();
        const digest = digestOf(bytes, algorithm);
        const body = { body: bytes, headers: octets };
        await pullable(ask, await ask('POST', closing(uploads(repository), digest), body), digest, bytes);
      },
    },
    {
      end: 'end-4c, end-6',
      name: 'POST that announces the algorithm, and a PUT by it',
      async run({ ask, repository, blob }) {
        const bytes = blob();
        const digest = digestOf(bytes, algorithm);
        const start = await ask('POST', `${uploads(repository)}?digest-algorithm=${algorithm}`);
        const created = await ask('PUT', closing(located(start, 202), digest), { body: bytes });
        await pullable(ask, created, digest, bytes);
      },
    },
    ...chunkedWays.map(
      ([name, size, options]): Point => ({
        end: 'end-5, end-6, end-13',
        name: `${name}, and the session says after each where it stands`,
        async run(stage) {
          const bytes = stage.blob(size);
          const digest = digestOf(bytes, algorithm);
          await pullable(stage.ask, await sendChunks(stage, bytes, digest, options), digest, bytes);
        },
      }),
    ),
    {
      end: 'end-5',
      name: 'one PATCH of a stream without length or range, and an empty PUT',
      async run({ ask, repository, blob }) {
        const bytes = blob();
        const digest = digestOf(bytes, algorithm);
        const start = located(await ask('POST', uploads(repository)), 202);
        const taken = await ask('PATCH', start, { body: bytes, headers: octets, streamed: true });
        const created = await ask('PUT', closing(located(taken, 202), digest), {
          headers: { 'content-length': '0' },
        });
        await pullable(ask, created, digest, bytes);
      },
    },
    {
      end: 'end-14',
      name: 'DELETE of a session is 204, and then it is 404',
      async run({ ask, repository }) {
        const location = located(await ask('POST', uploads(repository)), 202);
        assert.equal((await ask('DELETE', location, { headers: { 'content-length': '0' } })).status, 204);
        for (const method of ['GET', 'DELETE', 'PATCH']) {
          assert.equal((await ask(method, location)).status, 404, method);
        }
      },
    },
    ...mountPoints(algorithm),
    ...wrongPoints(algorithm),
  ];
}

function mountPoints(algorithm: Algorithm): readonly Point[] {
  return [
    ...(['from the repository named', 'from anywhere'] as const).map(
      (where): Point => ({
        end: 'end-11',
        name: `a mount ${where} is 201, and outlives the blob it came from`,
        async run({ ask, repository, other, blob }) {
          const bytes = blob();
          const digest = await pushBlob(ask, other, bytes, algorithm);
          const from = where === 'from anywhere' ? '' : `&from=${encodeURIComponent(other)}`;
          const mounted = await ask('POST', `${uploads(repository)}?mount=${digest}${from}`);
          await pullable(ask, mounted, digest, bytes);
          assert.equal((await ask('DELETE', blobAt(other, digest))).status, 202);
          assert.equal((await ask('HEAD', blobAt(other, digest))).status, 404);
          assert.equal((await ask('HEAD', blobAt(repository, digest))).status, 200);
        },
      }),
    ),
    {
      end: 'end-11',
      name: 'deleting what was mounted leaves the blob where it came from',
      async run({ ask, repository, other, blob }) {
        const digest = await pushBlob(ask, other, blob(), algorithm);
        await ask('POST', `${uploads(repository)}?mount=${digest}&from=${other}`);
        assert.equal((await ask('DELETE', blobAt(repository, digest))).status, 202);
        assert.equal((await ask('HEAD', blobAt(other, digest))).status, 200);
      },
    },
    {
      end: 'end-11',
      name: 'a mount of a blob that is nowhere is 202, and its session takes the bytes',
      async run({ ask, repository, other, blob }) {
        const bytes = blob();
        const digest = digestOf(bytes, algorithm);
        const start = await ask('POST', `${uploads(repository)}?mount=${digest}&from=${other}`);
        const created = await ask('PUT', closing(located(start, 202), digest), { body: bytes });
        await pullable(ask, created, digest, bytes);
      },
    },
  ];
}

/** The registry refuses bytes that do not match the digest with 400 in each way to push, and keeps none of them. */
function wrongPoints(algorithm: Algorithm): readonly Point[] {
  const wrong = (
    end: string,
    name: string,
    send: (stage: Stage, bytes: Uint8Array, digest: Digest) => Promise<Answer>,
  ): Point => ({
    end,
    name: `a digest of other bytes is 400 after ${name}`,
    async run(stage) {
      const digest = digestOf(stage.blob(threeChunks), algorithm);
      assert.equal((await send(stage, stage.blob(threeChunks), digest)).status, 400);
      assert.equal((await stage.ask('HEAD', blobAt(stage.repository, digest))).status, 404);
    },
  });
  return [
    wrong('end-4b', 'one POST', ({ ask, repository }, bytes, digest) =>
      ask('POST', closing(uploads(repository), digest), { body: bytes, headers: octets }),
    ),
    wrong('end-6', 'POST and PUT', async ({ ask, repository }, bytes, digest) => {
      const location = located(await ask('POST', uploads(repository)), 202);
      return ask('PUT', closing(location, digest), { body: bytes, headers: octets });
    }),
    wrong('end-6', 'chunks', (stage, bytes, digest) => sendChunks(stage, bytes, digest, {})),
    wrong('end-6', 'chunks, the last with the PUT', (stage, bytes, digest) =>
      sendChunks(stage, bytes, digest, { putLast: true }),
    ),
    wrong('end-6', 'a stream', async ({ ask, repository }, bytes, digest) => {
      const start = located(await ask('POST', uploads(repository)), 202);
      const taken = located(await ask('PATCH', start, { body: bytes, streamed: true }), 202);
      return ask('PUT', closing(taken, digest), { headers: { 'content-length': '0' } });
    }),
  ];
}
