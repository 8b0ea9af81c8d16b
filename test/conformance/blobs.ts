import assert from 'node:assert/strict';
import type { Algorithm } from '../../src/spec/digest.ts';
import type { Point } from './point.ts';
import { blobAt, digestOf, pushBlob, type Stage } from './stage.ts';

/** Returns the points for reading, probing and deleting blobs. */
export function blobPoints(algorithm: Algorithm): readonly Point[] {
  return [
    {
      end: 'end-2',
      name: 'GET and HEAD of a blob that was never pushed are 404',
      async run({ ask, repository, blob }) {
        const target = blobAt(repository, digestOf(blob(), algorithm));
        assert.equal((await ask('GET', target)).status, 404);
        assert.equal((await ask('HEAD', target)).status, 404);
      },
    },
    ...[
      ['any bytes', undefined],
      ['nothing at all', new Uint8Array(0)],
      ['the empty JSON', new TextEncoder().encode('{}')],
    ].map(
      ([what, fixed]): Point => ({
        end: 'end-2',
        name: `HEAD of a blob of ${String(what)} is its GET without the body, with length and digest`,
        async run({ ask, repository, blob }) {
          const bytes = fixed instanceof Uint8Array ? fixed : blob();
          const digest = await pushBlob(ask, repository, bytes, algorithm);
          const got = await ask('GET', blobAt(repository, digest));
          const head = await ask('HEAD', blobAt(repository, digest));
          assert.equal(head.status, 200);
          assert.equal(head.bytes.byteLength, 0);
          for (const name of ['content-length', 'docker-content-digest', 'content-type', 'etag']) {
            assert.equal(head.header(name), got.header(name), name);
          }
          assert.equal(head.header('content-length'), String(bytes.byteLength));
          assert.equal(head.header('docker-content-digest'), digest);
        },
      }),
    ),
    ...rangePoints(algorithm),
    {
      end: 'end-10',
      name: 'DELETE of a blob is 202, and at once it is gone',
      async run({ ask, repository, blob }) {
        const digest = await pushBlob(ask, repository, blob(), algorithm);
        assert.equal((await ask('DELETE', blobAt(repository, digest))).status, 202);
        assert.equal((await ask('HEAD', blobAt(repository, digest))).status, 404);
        assert.equal((await ask('GET', blobAt(repository, digest))).status, 404);
      },
    },
    {
      end: 'end-10',
      name: 'DELETE of a blob that is not there is 404',
      async run({ ask, repository, blob }) {
        const digest = digestOf(blob(), algorithm);
        assert.equal((await ask('DELETE', blobAt(repository, digest))).status, 404);
      },
    },
  ];
}

const size = 2_048;
const satisfied: readonly [range: string, from: number, to: number][] = [
  ['500-1499', 500, 1500],
  ['500-', 500, size],
  ['-500', size - 500, size],
  ['2000-5000', 2000, size],
];
/** By RFC 9110 the first is no range, but the suite demands a refusal. */
const refused = ['500-0', '5000-10000'];

function rangePoints(algorithm: Algorithm): readonly Point[] {
  const pushed = async ({ ask, repository, blob }: Stage): Promise<{ bytes: Uint8Array; target: string }> => {
    const bytes = blob(size);
    return { bytes, target: blobAt(repository, await pushBlob(ask, repository, bytes, algorithm)) };
  };
  return [
    ...satisfied.map(
      ([range, from, to]): Point => ({
        end: 'end-2',
        name: `GET of the range ${range} is 206 with these bytes`,
        async run(stage) {
          const { bytes, target } = await pushed(stage);
          const answer = await stage.ask('GET', target, { headers: { range: `bytes=${range}` } });
          assert.equal(answer.status, 206);
          assert.ok(Buffer.from(answer.bytes).equals(bytes.subarray(from, to)));
          assert.equal(answer.header('content-length'), String(to - from));
          assert.equal(answer.header('content-range'), `bytes ${from}-${to - 1}/${size}`);
        },
      }),
    ),
    ...refused.map(
      (range): Point => ({
        end: 'end-2',
        name: `GET of the range ${range} is 416`,
        async run(stage) {
          const { target } = await pushed(stage);
          const answer = await stage.ask('GET', target, { headers: { range: `bytes=${range}` } });
          assert.equal(answer.status, 416);
          assert.equal(answer.header('content-range'), `bytes */${size}`);
        },
      }),
    ),
  ];
}
