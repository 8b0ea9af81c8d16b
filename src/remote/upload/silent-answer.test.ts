import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransportError } from '../../errors.ts';
import { bytesContent, emptyContent, streamContent } from '../../flow/content.ts';
import { timeout } from '../../http/timeout.ts';
import { createMemoryRegistry } from '../../memory/registry.ts';
import { createApp } from '../../server/app.ts';
import type { Repository } from '../../store/contract.ts';
import { blobOf, failsWith, listOf, noise } from '../../testing/contract/sample.ts';
import { createManualClock, type ManualClock } from '../../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse, Send } from '../../wire/message.ts';
import { createRemoteRegistry } from '../registry.ts';
import type { UploadOptions } from './plan.ts';

const blob = blobOf(noise(1000));

/** The fate of the closing PUT of an upload. */
type Closing = (send: Send, request: HttpRequest, clock: ManualClock) => Promise<HttpResponse>;

const silence = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });

/** Stores the blob, and never answers. */
const neverAnswers: Closing = async (send, request) => {
  await send(request);
  return silence(request.signal);
};

/** Stores the blob after so many milliseconds, and then answers, or never does. */
const takes =
  (milliseconds: number, { answers }: { readonly answers: boolean }): Closing =>
  async (send, request, clock) => {
    const bytes: Uint8Array[] = [];
    for await (const chunk of request.body?.open() ?? []) bytes.push(chunk.slice());
    await new Promise<void>((resolve) => {
      clock.after(milliseconds, resolve);
    });
    const body = bytesContent(Buffer.concat(bytes));
    const { signal: _, ...rest } = request;
    const response = await send({ ...rest, ...(request.body === undefined ? {} : { body }) });
    return answers ? response : silence(request.signal);
  };

/** Neither stores the blob nor answers. */
const forgets: Closing = async (_, request) => {
  await listOf((request.body ?? emptyContent).open());
  return silence(request.signal);
};

interface Stage {
  readonly remote: Repository;
  readonly inside: Repository;
  readonly asked: string[];
  readonly clock: ManualClock;
}

function stage(closing: Closing, upload: UploadOptions = {}): Stage {
  const memory = createMemoryRegistry();
  const app = createApp(memory, { anonymousMounts: false });
  const clock = createManualClock();
  const asked: string[] = [];
  const send: Send = (request) => {
    const isCommit = request.method === 'PUT' && request.url.includes('/uploads/');
    asked.push(`${request.method} ${request.url.includes('/uploads/') ? 'upload' : 'blob'}`);
    return isCommit ? closing(app, request, clock) : app(request);
  };
  const remote = createRemoteRegistry({
    base: 'http://registry.test',
    send: timeout({ clock })(send),
    clock,
    upload: { retry: { attempts: 1 }, ...upload },
  });
  return {
    remote: remote.repository('acme/app', { actions: ['pull', 'push'] }),
    inside: memory.repository('acme/app'),
    asked,
    clock,
  };
}

/** Advances the time until the work is done. Returns the milliseconds that it took. */
async function play(work: Promise<unknown>, clock: ManualClock): Promise<number> {
  const over = new AbortController();
  const done = work.finally(() => over.abort());
  done.catch(() => undefined);
  while (!over.signal.aborted) {
    await Promise.race([done.catch(() => undefined), clock.waiting()]);
    if (!over.signal.aborted) await clock.advance(1000);
  }
  await done;
  return clock.now();
}

const minute = 60_000;
const ways: readonly (readonly [string, (place: Repository) => Promise<unknown>, UploadOptions?])[] = [
  ['a blob', ({ blobs }) => blobs.write(blob.descriptor, blob.content)],
  [
    'a blob in chunks',
    ({ blobs }) => blobs.write(blob.descriptor, blob.content),
    { chunkThreshold: 1, chunkSize: 400 },
  ],
  ['a stream', ({ blobs }) => blobs.ingest(streamContent(blob.content.open()))],
  ['a stream in chunks', ({ blobs }) => blobs.ingest(streamContent(blob.content.open())), { chunkSize: 400 }],
];

for (const [what, write, upload] of ways) {
  describe(`the closing PUT of ${what}`, () => {
    it(`silent-commit: the closing PUT of ${what} ends by a question for the blob if it never gets an answer`, async () => {
      const { remote, inside, clock } = stage(neverAnswers, upload);
      const took = await play(write(remote), clock);
      assert.ok(took <= minute, `${took} ms`);
      assert.notEqual(await inside.blobs.stat(blob.descriptor.digest), undefined);
    });

    for (const answers of [true, false]) {
      it(`silent-commit: the closing PUT of ${what} succeeds after 5 minutes ${answers ? 'with' : 'without'} an answer`, async () => {
        const { remote, inside, clock, asked } = stage(takes(5 * minute, { answers }), upload);
        const took = await play(write(remote), clock);
        assert.ok(took >= 5 * minute && took <= 6 * minute, `${took} ms`);
        assert.notEqual(await inside.blobs.stat(blob.descriptor.digest), undefined);
        assert.equal(asked.filter((one) => one === 'PUT upload').length, 1);
      });
    }

    it(`silent-commit: the closing PUT of ${what} that stores nothing ends with TIMED_OUT after 15 minutes`, async () => {
      const { remote, clock } = stage(forgets, upload);
      await failsWith(play(write(remote), clock), 'TIMED_OUT');
      assert.ok(clock.now() >= 15 * minute);
    });
  });
}

describe('a question for a blob that is being committed', () => {
  it('silent-commit: no question for the blob goes out if the answer comes at once', async () => {
    const { remote, clock, asked } = stage((send, request) => send(request));
    await play(remote.blobs.write(blob.descriptor, blob.content), clock);
    assert.deepEqual(asked, ['HEAD blob', 'POST upload', 'PUT upload']);
  });

  it('silent-commit: no question goes out for a replaced blob, which exists from the beginning', async () => {
    const { remote, inside, clock, asked } = stage(takes(minute, { answers: true }));
    await inside.blobs.write(blob.descriptor, blob.content);
    const took = await play(remote.blobs.write(blob.descriptor, blob.content, { replace: true }), clock);
    assert.ok(took >= minute);
    assert.deepEqual(asked, ['POST upload', 'PUT upload']);
  });

  it('silent-commit: the question for the blob ends with a failed commit', async () => {
    const { remote, clock, asked } = stage(async () => {
      throw new TransportError('CUT_OFF', 'the far side is gone');
    });
    await failsWith(play(remote.blobs.write(blob.descriptor, blob.content), clock), 'CUT_OFF');
    assert.equal(asked.filter((one) => one === 'HEAD blob').length, 1);
  });
});
