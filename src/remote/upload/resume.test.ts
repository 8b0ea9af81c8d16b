import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent, streamContent } from '../../flow/content.ts';
import { defaultLayerRetry } from '../../http/backoff.ts';
import { blobOf, failsWith, noise, read, reusingContent } from '../../testing/contract/sample.ts';
import { downloadRetry } from '../exchange.ts';
import type { UploadOptions } from './plan.ts';
import { tellingContent, uploadRetry } from './resume.ts';
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

const size = 1000;
/** Bytes above those that an upload may always cost. */
const hundredfold = blobOf(noise(100 * 20_000));
const blob = blobOf(noise(size));
const inChunks: UploadOptions = { chunkThreshold: 1, chunkSize: 400 };
const whole = ['blob.head', 'mount', 'commit'];
const twoChunks = ['blob.head', 'mount', 'append 0-399', 'append 400-799'];

interface Row {
  readonly name: string;
  readonly script: Readonly<Record<string, readonly Fate[]>>;
  readonly options?: UploadOptions;
  readonly asked: readonly string[];
  /** Default: the registry has the blob. */
  readonly fails?: string;
}

const rows: readonly Row[] = [
  { name: 'goes in one request', script: {}, asked: whole },
  {
    name: 'goes in chunks, the last with the commit',
    script: {},
    options: inChunks,
    asked: ['blob.head', 'mount', 'append 0-399', 'append 400-799', 'commit 800-999'],
  },
  {
    name: 'that is cut continues at the offset of the registry',
    script: { commit: [cutAfter(300)] },
    asked: [...whole, 'status', 'commit 300-999'],
  },
  {
    name: 'that is cut before its first byte continues in the same session',
    script: { commit: [cutAfter(0)] },
    asked: [...whole, 'status', 'commit'],
  },
  {
    name: 'with a cut chunk continues at the offset of the registry',
    script: { append: [passes, cutAfter(100)] },
    options: inChunks,
    asked: [...twoChunks, 'status', 'status', 'append 500-899', 'commit 900-999'],
  },
  {
    name: 'counts its attempts from the start when the registry has more',
    script: { commit: [cutAfter(10), cutAfter(10), cutAfter(10), cutAfter(10), cutAfter(10)] },
    asked: [...whole, ...[10, 20, 30, 40, 50].flatMap((from) => ['status', `commit ${from}-999`])],
  },
  {
    name: 'without progress fails when its attempts are used up, and its session is cancelled',
    script: { commit: [cutAfter(10), cutAfter(0), cutAfter(0), cutAfter(0)] },
    asked: [...whole, ...Array.from({ length: 3 }).flatMap(() => ['status', 'commit 10-999']), 'cancel'],
    fails: 'CUT_OFF',
  },
  ...[408, 429, 500, 502, 503, 504].map((status) => ({
    name: `that is refused with ${status} is sent again in the same session`,
    script: { commit: [answers(status)] },
    asked: [...whole, 'status', 'commit'],
  })),
  {
    name: 'that is denied is not sent again',
    script: { commit: [answers(403)] },
    asked: [...whole, 'cancel'],
    fails: 'DENIED',
  },
  {
    name: 'whose start is refused for a while starts again',
    script: { mount: [answers(503)], start: [answers(503)] },
    asked: ['blob.head', 'mount', 'start', 'start', 'commit'],
  },
  {
    name: 'without its session after a cut starts over',
    script: { commit: [cutAfter(300)], status: [answers(404)] },
    asked: [...whole, 'status', 'cancel', 'blob.head', 'start', 'commit'],
  },
  {
    name: 'without its session starts over',
    script: { commit: [answers(404)] },
    asked: [...whole, 'status', 'commit'],
  },
  {
    name: 'with a lost answer to its commit is stored',
    script: { commit: [losesAnswer] },
    asked: [...whole, 'status', 'cancel', 'blob.head'],
  },
  {
    name: 'starts over if the registry reports more than was sent',
    script: { commit: [cutAfter(300)], status: [says('0-5000')] },
    asked: [...whole, 'status', 'cancel', 'blob.head', 'start', 'commit'],
  },
  {
    name: 'starts over if the registry reports less than it had taken',
    script: { append: [passes, cutAfter(100)], status: [says('0-9'), says('0-9')] },
    options: inChunks,
    asked: [
      ...twoChunks,
      'status',
      'status',
      'cancel',
      'start',
      'append 0-399',
      'append 400-799',
      'commit 800-999',
    ],
  },
  {
    name: 'starts over if the registry reports no offset',
    script: { commit: [cutAfter(300)], status: [says()] },
    asked: [...whole, 'status', 'cancel', 'blob.head', 'start', 'commit'],
  },
  {
    name: 'starts over if the registry reports one byte too many and refuses the rest',
    script: { commit: [cutAfter(300)], status: [says('0-300')] },
    asked: [...whole, 'status', 'commit 301-999', 'cancel', 'blob.head', 'start', 'commit'],
  },
  {
    name: 'starts over if the registry reports no bytes and the digest is wrong',
    script: { commit: [cutAfter(300)], status: [says('0-0')] },
    asked: [...whole, 'status', 'commit', 'cancel', 'blob.head', 'start', 'commit'],
  },
  {
    name: 'continues after the accepted bytes if the registry reports stale ones after a refusal',
    script: { append: [passes, answers(503)], status: [says('0-9')] },
    options: inChunks,
    asked: [...twoChunks, 'status', 'append 400-799', 'commit 800-999'],
  },
  ...[400, 405, 413, 416].map((status) => ({
    name: `first-chunk-refused: with a first chunk refused with ${status} goes in one request in a new session`,
    script: { append: [answers(status)] },
    options: inChunks,
    asked: ['blob.head', 'mount', 'append 0-399', 'cancel', 'start', 'commit'],
  })),
  {
    name: 'with a second chunk refused with 400 fails',
    script: { append: [passes, answers(400)] },
    options: inChunks,
    asked: ['blob.head', 'mount', 'append 0-399', 'append 400-799', 'cancel'],
    fails: 'UNEXPECTED_STATUS',
  },
  {
    name: 'that is too large for a proxy, and smaller than the least piece, fails',
    script: { commit: [answers(413)] },
    asked: [...whole, 'cancel'],
    fails: 'TOO_LARGE',
  },
];

/** Loses the n-th session at the chunk that `losesAt(n)` says, and counts the chunks that came. */
function losingSessions(losesAt: (session: number) => number) {
  const lost = new Set<string>();
  const ids: string[] = [];
  const ofSession = new Map<string, number>();
  let chunks = 0;
  const step: Fate = (send, request) => {
    const id = /uploads\/([^/?]+)/.exec(request.url)?.[1] ?? '';
    if (!ids.includes(id)) ids.push(id);
    if (request.body !== undefined) {
      chunks++;
      const count = (ofSession.get(id) ?? 0) + 1;
      ofSession.set(id, count);
      if (count >= losesAt(ids.indexOf(id) + 1)) lost.add(id);
    }
    return lost.has(id) ? answers(404)(send, request) : send(request);
  };
  const steps = always(step);
  return { fates: { append: steps, commit: steps, status: steps }, chunks: () => chunks };
}

describe('a blob on its way to a registry', () => {
  for (const { name, script, options = {}, asked, fails } of rows) {
    it(titleOf('a blob', name), async () => {
      const registry = scripted(script, options);
      const written = registry.repository.blobs.write(blob.descriptor, blob.content);
      if (fails === undefined) {
        assert.equal(await written, 'uploaded');
        assert.deepEqual(await read(registry.inside.blobs.open(blob.descriptor)), blob.bytes);
      } else {
        await failsWith(written, fails);
        assert.equal(await registry.inside.blobs.stat(blob.descriptor.digest), undefined);
      }
      assert.deepEqual(registry.asked, asked);
    });
  }

  /** Registries that lose sessions of a blob of a hundred chunks, each in its own way. */
  for (const { name, losesAt, fails, most } of [
    { name: 'at the first chunk of each', losesAt: () => 1, fails: true, most: 3 },
    { name: 'at the second chunk of each', losesAt: () => 2, fails: true, most: 10 },
    { name: 'at the last chunk of each', losesAt: () => 100, fails: true, most: 500 },
    {
      name: 'at a later chunk each time',
      losesAt: (session: number) => session + 1,
      fails: true,
      most: 1100,
    },
    {
      name: 'at a later chunk each time, of the first ten',
      losesAt: (session: number) => (session <= 10 ? session + 1 : 1000),
      fails: false,
      most: 170,
    },
    {
      name: 'at an earlier chunk each time',
      losesAt: (session: number) => 100 - session,
      fails: true,
      most: 500,
    },
  ]) {
    it(`endless-upload: a blob with sessions lost ${name} ${fails ? 'fails' : 'is stored'}, and is not sent for ever`, async () => {
      const script = losingSessions(losesAt);
      const registry = scripted(script.fates, {
        chunkThreshold: 1,
        chunkSize: hundredfold.bytes.length / 100,
      });
      const written = registry.repository.blobs.write(hundredfold.descriptor, hundredfold.content);
      if (fails) await failsWith(written, 'BLOB_UPLOAD_UNKNOWN');
      else assert.equal(await written, 'uploaded');
      assert.ok(script.chunks() <= most, `${script.chunks()} chunks`);
    });
  }

  it('endless-upload: a blob that gains one byte each time fails after ten times its size', async () => {
    let sent = 0;
    const registry = scripted({ commit: always(cutAfter(1)) });
    const content = tellingContent(hundredfold.content, (bytes) => {
      sent += bytes;
    });
    await failsWith(registry.repository.blobs.write(hundredfold.descriptor, content), 'CUT_OFF');
    assert.ok(sent <= 11 * hundredfold.bytes.length, `${sent} bytes`);
  });

  // id: proxy-body-limit
  it('a blob that is too large for a proxy goes in chunks that the proxy accepts', async () => {
    const large = blobOf(noise(17 * 1024 * 1024));
    const { repository, asked } = scripted({ commit: [answers(413)] });
    await repository.blobs.write(large.descriptor, large.content);
    assert.deepEqual(asked.slice(3), [
      'cancel',
      'blob.head',
      'start',
      'append 0-16777215',
      'commit 16777216-17825791',
    ]);
  });

  for (const { limit, chunkSize, most } of [
    { limit: 1024 * 1024, most: 40 },
    { limit: 1024 * 1024, chunkSize: 8 * 1024 * 1024, most: 45 },
    { limit: 5 * 1024 * 1024, chunkSize: 6 * 1024 * 1024, most: 20 },
  ]) {
    it(`first-chunk-refused: a blob goes in pieces for a proxy that takes ${limit} bytes, with chunks of ${chunkSize ?? 'no'} size`, async () => {
      const large = blobOf(noise(17 * 1024 * 1024));
      const limited = always(refusesOver(limit));
      const options = chunkSize === undefined ? {} : { chunkThreshold: 1, chunkSize };
      const { repository, inside, asked } = scripted({ append: limited, commit: limited }, options);
      await repository.blobs.write(large.descriptor, large.content);
      assert.equal((await inside.blobs.stat(large.descriptor.digest))?.size, large.bytes.length);
      assert.ok(asked.length <= most, asked.join('\n'));
    });
  }

  it('first-chunk-refused: a blob fails with TOO_LARGE if no piece is small enough', async () => {
    const large = blobOf(noise(2 * 1024 * 1024));
    const limited = always(refusesOver(1000));
    const { repository, asked } = scripted({ append: limited, commit: limited });
    await failsWith(repository.blobs.write(large.descriptor, large.content), 'TOO_LARGE');
    assert.ok(asked.length <= 20, asked.join('\n'));
  });

  it('a blob with another digest is refused at once', async () => {
    const { repository, asked } = scripted({});
    const other = bytesContent(noise(size).fill(7));
    await failsWith(repository.blobs.write(blob.descriptor, other), 'DIGEST_INVALID');
    assert.deepEqual(asked, [...whole, 'cancel']);
  });

  it('a blob that can be read only once is not sent again', async () => {
    const { repository, asked } = scripted({ commit: [cutAfter(300)] });
    const content = streamContent(blob.content.open(), { size });
    await failsWith(repository.blobs.write(blob.descriptor, content), 'CUT_OFF');
    assert.deepEqual(asked, [...whole, 'cancel']);
  });

  it('a blob fails when the observer of its retries returns false', async () => {
    const { repository, asked } = scripted({ commit: [cutAfter(300)] }, { retry: { onRetry: () => false } });
    await failsWith(repository.blobs.write(blob.descriptor, blob.content), 'CUT_OFF');
    assert.deepEqual(asked, [...whole, 'cancel']);
  });

  it('an aborted blob leaves no session', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const { repository, asked } = scripted({
      commit: [
        async () => {
          abort.abort(new Error('enough'));
          throw signal.reason;
        },
      ],
    });
    await assert.rejects(
      repository.blobs.write(blob.descriptor, blob.content, { signal }),
      (error) => error === signal.reason,
    );
    assert.deepEqual(asked, [...whole, 'cancel']);
  });

  it('a blob reports acknowledged bytes, which never decrease, and sent bytes, which count again', async () => {
    const { repository } = scripted({ commit: [cutAfter(300)], status: [answers(404)] });
    const told: { readonly sent: number; readonly acknowledged: number }[] = [];
    await repository.blobs.write(blob.descriptor, reusingContent(blob.bytes, 100), {
      onProgress: (progress) => told.push(progress),
    });
    const acknowledged = told.map((progress) => progress.acknowledged);
    assert.deepEqual(
      acknowledged,
      acknowledged.toSorted((a, b) => a - b),
    );
    assert.deepEqual(told.at(-1), { sent: size + 200, acknowledged: size, moved: size });
  });

  it('a blob names its media type in the commit if the option asks for it', async () => {
    let said: readonly string[] | undefined;
    const listens: Fate = (send, request) => {
      said = request.headers['oci-layer-media-type'];
      return send(request);
    };
    for (const sendMediaType of [true, false]) {
      const { repository } = scripted({ commit: [listens] }, { sendMediaType });
      await repository.blobs.write({ ...blob.descriptor, mediaType: 'text/plain' }, blob.content);
      assert.deepEqual(said, sendMediaType ? ['text/plain'] : undefined);
    }
  });
});

it('a setting of retries that is undefined leaves the default of blobs in place', () => {
  for (const retry of [uploadRetry, downloadRetry]) {
    const { attempts, initial, factor } = retry({ attempts: undefined, initial: 1 });
    assert.deepEqual({ attempts, initial, factor }, { ...defaultLayerRetry, initial: 1 });
  }
});
