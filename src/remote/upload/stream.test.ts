import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { streamContent } from '../../flow/content.ts';
import {
  blobOf,
  brokenContent,
  failsWith,
  noise,
  read,
  reusingContent,
} from '../../testing/contract/sample.ts';
import {
  always,
  answers,
  cutAfter,
  type Fate,
  losesAnswer,
  passes,
  refusesOver,
  says,
  scripted,
  titleOf,
} from './scripted.test.support.ts';

interface Row {
  readonly name: string;
  readonly size?: number;
  readonly script?: Readonly<Record<string, readonly Fate[]>>;
  readonly asked: readonly string[];
  /** Default: the registry has the blob. */
  readonly fails?: string;
}

const chunkSize = 400;
const chunks = ['append 0-399', 'append 400-799', 'commit 800-999'];

const rows: readonly Row[] = [
  { name: 'goes in chunks, the last with the commit', asked: ['start', ...chunks] },
  { name: 'of no bytes is an empty commit', size: 0, asked: ['start', 'commit'] },
  { name: 'of one byte is a commit', size: 1, asked: ['start', 'commit'] },
  { name: 'of exactly one chunk is a commit', size: 400, asked: ['start', 'commit'] },
  {
    name: 'of exactly two chunks ends with the second one',
    size: 800,
    asked: ['start', 'append 0-399', 'commit 400-799'],
  },
  {
    name: 'that is cut continues at the offset of the registry',
    script: { append: [passes, cutAfter(100)] },
    asked: [
      'start',
      'append 0-399',
      'append 400-799',
      'status',
      'status',
      'append 500-799',
      'commit 800-999',
    ],
  },
  {
    name: 'with a cut commit continues at the offset of the registry',
    script: { commit: [cutAfter(100)] },
    asked: ['start', ...chunks, 'status', 'commit 900-999'],
  },
  {
    name: 'counts its attempts from the start when the registry has more',
    script: { commit: [cutAfter(10), cutAfter(10), cutAfter(10), cutAfter(10)] },
    asked: ['start', ...chunks, ...[810, 820, 830, 840].flatMap((from) => ['status', `commit ${from}-999`])],
  },
  {
    name: 'without progress fails when its attempts are used up, and its session is cancelled',
    script: { commit: [cutAfter(0), cutAfter(0), cutAfter(0)] },
    asked: ['start', ...chunks, 'status', 'commit 800-999', 'status', 'commit 800-999', 'cancel'],
    fails: 'CUT_OFF',
  },
  {
    name: 'with a chunk refused for a while sends the chunk again',
    script: { append: [answers(503), passes, answers(429)] },
    asked: [
      'start',
      'append 0-399',
      'status',
      'append 0-399',
      'append 400-799',
      'status',
      'append 400-799',
      'commit 800-999',
    ],
  },
  {
    name: 'whose start is refused for a while starts again',
    script: { start: [answers(503)] },
    asked: ['start', 'start', ...chunks],
  },
  {
    name: 'without its session in the first chunk starts over with the chunk in memory',
    script: { append: [cutAfter(100)], status: [answers(404), answers(404)] },
    asked: ['start', 'append 0-399', 'status', 'status', 'cancel', 'start', ...chunks],
  },
  {
    name: 'without its session after the first chunk fails',
    script: { append: [passes, cutAfter(100)], status: [answers(404), answers(404)] },
    asked: ['start', 'append 0-399', 'append 400-799', 'status', 'status', 'cancel'],
    fails: 'BLOB_UPLOAD_UNKNOWN',
  },
  {
    name: 'with a lost answer to its commit is stored',
    script: { commit: [losesAnswer] },
    asked: ['start', ...chunks, 'status', 'blob.head'],
  },
  {
    name: 'fails if the registry reports more than was sent',
    script: { append: [passes, cutAfter(100)], status: [says('0-5000'), says('0-5000')] },
    asked: ['start', 'append 0-399', 'append 400-799', 'status', 'status', 'cancel'],
    fails: 'BLOB_UPLOAD_UNKNOWN',
  },
  {
    name: 'continues after the accepted bytes if the registry reports stale ones',
    script: { append: [passes, answers(503)], status: [says('0-9')] },
    asked: ['start', 'append 0-399', 'append 400-799', 'status', 'append 400-799', 'commit 800-999'],
  },
  ...[400, 405, 413, 416].map((status) => ({
    name: `first-chunk-refused: with a first chunk refused with ${status} goes in one request without a length`,
    script: { append: [answers(status)] },
    asked: ['start', 'append 0-399', 'cancel', 'start', 'append', 'commit'],
  })),
  {
    name: 'that goes in one request cannot be sent again',
    script: { append: [answers(416), cutAfter(100)] },
    asked: ['start', 'append 0-399', 'cancel', 'start', 'append', 'status', 'cancel'],
    fails: 'CUT_OFF',
  },
  {
    name: 'with a second chunk refused with 400 fails',
    script: { append: [passes, answers(400)] },
    asked: ['start', 'append 0-399', 'append 400-799', 'cancel'],
    fails: 'UNEXPECTED_STATUS',
  },
];

describe('a stream on its way to a registry', () => {
  for (const { name, size = 1000, script = {}, asked, fails } of rows) {
    it(titleOf('a stream', name), async () => {
      const registry = scripted(script, { chunkSize });
      const blob = blobOf(noise(size));
      // The pieces fit no chunk, and share one buffer.
      const source = streamContent(reusingContent(blob.bytes, 7).open());
      const ingested = registry.repository.blobs.ingest(source);
      if (fails === undefined) {
        assert.deepEqual(await ingested, blob.descriptor);
        assert.deepEqual(await read(registry.inside.blobs.open(blob.descriptor)), blob.bytes);
      } else {
        await failsWith(ingested, fails);
        assert.equal(await registry.inside.blobs.stat(blob.descriptor.digest), undefined);
      }
      assert.deepEqual(registry.asked, asked);
    });
  }

  it('endless-upload: a stream whose sessions are lost after the first chunk fails when its attempts are used up', async () => {
    let appends = 0;
    let gone = false;
    const append: Fate = (send, request) => {
      gone = ++appends % 2 === 0;
      return gone ? answers(404)(send, request) : cutAfter(100)(send, request);
    };
    const status: Fate = (send, request) => (gone ? answers(404)(send, request) : send(request));
    const registry = scripted({ append: always(append), status: always(status) }, { chunkSize });
    await failsWith(
      registry.repository.blobs.ingest(streamContent(reusingContent(noise(1000), 7).open())),
      'BLOB_UPLOAD_UNKNOWN',
    );
    assert.ok(appends <= 6, `${appends} chunks`);
  });

  for (const size of [2_000_000, 5_000_000, 10_000_000]) {
    it(`first-chunk-refused: a stream of ${size} bytes goes in pieces that a proxy accepts`, async () => {
      const limited = always(refusesOver(1024 * 1024));
      const registry = scripted({ append: limited, commit: limited }, { chunkSize: 4 * 1024 * 1024 });
      const sample = blobOf(noise(size));
      const source = streamContent(reusingContent(sample.bytes, 70_000).open());
      assert.deepEqual(await registry.repository.blobs.ingest(source), sample.descriptor);
      assert.equal((await registry.inside.blobs.stat(sample.descriptor.digest))?.size, size);
    });
  }

  it('a stream with a failing source leaves no session', async () => {
    const { repository, asked } = scripted({}, { chunkSize });
    const fault = new Error('the source broke');
    const content = brokenContent(noise(1000), 500, () => {
      throw fault;
    });
    await assert.rejects(repository.blobs.ingest(content), (error) => error === fault);
    assert.deepEqual(asked, ['start', 'append 0-399', 'cancel']);
  });

  it('a stream closes its source when the registry refuses it', async () => {
    const { repository } = scripted({ append: [passes, answers(403)] }, { chunkSize });
    let ended = false;
    async function* endless(): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(100);
      } finally {
        ended = true;
      }
    }
    await failsWith(repository.blobs.ingest(streamContent(endless())), 'DENIED');
    assert.equal(ended, true);
  });

  it('a stream reports acknowledged bytes, which never decrease', async () => {
    const { repository } = scripted(
      { append: [cutAfter(100)], status: [answers(404), answers(404)] },
      { chunkSize },
    );
    const told: number[] = [];
    const onProgress = ({ acknowledged }: { readonly acknowledged: number }): number =>
      told.push(acknowledged);
    await repository.blobs.ingest(streamContent(blobOf(noise(1000)).content.open()), { onProgress });
    assert.deepEqual(
      told,
      told.toSorted((a, b) => a - b),
    );
    assert.equal(told.at(-1), 1000);
  });

  it('a stream is hashed by the algorithm of the option', async () => {
    const { repository } = scripted({}, { chunkSize });
    const blob = blobOf(noise(1000), 'sha512');
    const source = streamContent(blob.content.open());
    assert.deepEqual(await repository.blobs.ingest(source, { algorithm: 'sha512' }), blob.descriptor);
  });
});
