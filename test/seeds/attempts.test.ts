import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../../src/errors.ts';
import type { RetryEvent } from '../../src/http/backoff.ts';
import { createLine } from '../../src/http/line.ts';
import { throttle } from '../../src/http/throttle.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import type { ProgressObserver } from '../../src/store/blob-progress.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { refusing } from './habits.ts';
import { chunks, declined, open, push, sample } from './scene.ts';
import { hasty, host, jumpingClock, kindsOf, wire } from './wire.ts';

/** Returns the waits and the progress events of an upload whose PUT the registry always refuses. */
async function refused(upload: UploadOptions, status = 503) {
  const clock = jumpingClock();
  const events: RetryEvent[] = [];
  const wired = wire(refusing('upload.commit', status, {}, 99));
  const onRetry = upload.retry?.onRetry;
  const retry = {
    ...upload.retry,
    clock,
    random: () => 0,
    onRetry(event: RetryEvent) {
      events.push(event);
      return onRetry?.(event);
    },
  };
  await assert.rejects(
    open(wired, { ...upload, retry }).blobs.write(sample.descriptor, sample.content),
    (error) => isGantryError(error) && error.response?.status === status,
  );
  return { waits: clock.waits, events, wired };
}

describe('the attempts at a blob', () => {
  // id: upload-attempts-default
  it('a blob has five attempts, after 2, 4, 8 and 16 seconds, and each is reported', async () => {
    const { waits, events, wired } = await refused({});
    assert.deepEqual(waits, [2000, 4000, 8000, 16_000]);
    assert.deepEqual(
      events.map(({ attempt, maxAttempts, nextRetryIn }) => [attempt, maxAttempts, nextRetryIn]),
      [1, 2, 3, 4].map((attempt) => [attempt, 5, 1000 * 2 ** attempt]),
    );
    assert.ok(events.every(({ error }) => isGantryError(error) && error.response?.status === 503));
    assert.equal(wired.asked.filter(({ kind }) => kind === 'upload.commit').length, 5);
    assert.equal(kindsOf(wired.asked).at(-1), 'upload.cancel');
  });

  // id: retry-options
  it('the options choose the number of attempts and the waits', async () => {
    const { waits } = await refused({ retry: { attempts: 3, initial: 10, factor: 5 } });
    assert.deepEqual(waits, [10, 50]);
  });

  // id: on-retry-false
  it('end with the error when the one who is told of them answers false', async () => {
    const { waits, events } = await refused({ retry: { onRetry: ({ attempt }) => attempt < 2 } });
    assert.deepEqual([waits, events.length], [[2000], 2]);
  });

  // id: no-retry-of-final
  it('a final failure is not repeated', async () => {
    const { waits, events } = await refused({}, 403);
    assert.deepEqual([waits, events], [[], []]);
  });

  // id: retry-predicate
  it('follow the statuses and the predicate of the options', async () => {
    assert.equal((await refused({ retry: { statuses: [403], attempts: 2 } }, 403)).waits.length, 1);
    assert.equal((await refused({ retry: { retryable: () => true, attempts: 2 } }, 403)).waits.length, 1);
    assert.equal((await refused({ retry: { retryable: () => false } })).waits.length, 0);
  });

  for (const [name, header, expected] of [
    ['in seconds', '7', 7000],
    ['as a date', new Date(9000).toUTCString(), 9000],
  ] as const) {
    // id: retry-after
    it(`wait for as long as the registry asks ${name}, and with them every request to it`, async () => {
      const clock = jumpingClock();
      const times: number[] = [];
      const wired = wire(
        (next) => (request) => {
          times.push(clock.now());
          return next(request);
        },
        refusing('upload.commit', 429, { 'retry-after': [header] }),
      );
      const send = createLine({ transport: wired.send, throttle: throttle({ clock }), retry: { clock } });
      const remote = createRemoteRegistry({
        base: `https://${host}`,
        send,
        upload: { retry: hasty({ clock }) },
      });
      await remote.repository('app', push).blobs.write(sample.descriptor, sample.content);
      assert.deepEqual(kindsOf(wired.asked), [
        ...declined,
        'upload.commit',
        'upload.status',
        'upload.commit',
      ]);
      assert.deepEqual(times.slice(0, 3), [0, 0, 0]);
      assert.ok(times.slice(3).every((time) => time >= expected));
    });
  }

  it('end at once when the registry asks for a longer wait than the cap, with an error that names it', async () => {
    const clock = jumpingClock();
    const wired = wire(refusing('upload.commit', 429, { 'retry-after': ['3600'] }));
    const writing = open(wired, { retry: { clock } }).blobs.write(sample.descriptor, sample.content);
    await assert.rejects(writing, (error) => {
      assert.ok(isGantryError(error, 'TOOMANYREQUESTS'));
      assert.equal(error.response?.retryAfter, 3_600_000);
      return true;
    });
    assert.equal(clock.now(), 0);
  });

  // id: abort-ends-session
  it('end at once when the caller gives up, and the session with them', async () => {
    const end = new AbortController();
    const wired = wire(refusing('upload.commit', 503, {}, 99));
    const never = { now: () => 0, after: () => () => undefined };
    const retry = { clock: never, onRetry: () => void setImmediate(() => end.abort('enough')) };
    const writing = open(wired, { retry }).blobs.write(sample.descriptor, sample.content, {
      signal: end.signal,
    });
    await assert.rejects(writing, (error) => error === 'enough');
    assert.equal(kindsOf(wired.asked).at(-1), 'upload.cancel');
  });
});

async function observed(
  habits: readonly Middleware[],
  upload: UploadOptions,
  onProgress: ProgressObserver = () => undefined,
) {
  const seen: { readonly sent: number; readonly acknowledged: number }[] = [];
  const wired = wire(...habits);
  await open(wired, upload).blobs.write(sample.descriptor, sample.content, {
    onProgress(progress) {
      seen.push(progress);
      onProgress(progress);
    },
  });
  return seen;
}

describe('the progress of a blob', () => {
  // id: upload-progress
  it('progress distinguishes sent bytes from acknowledged bytes, and ends with all of them', async () => {
    const seen = await observed([], chunks);
    assert.deepEqual(seen.at(-1), { sent: 25, acknowledged: 25, moved: 25 });
    assert.deepEqual([...new Set(seen.map(({ acknowledged }) => acknowledged))], [0, 10, 20, 25]);
  });

  // id: progress-of-retries
  it('progress counts repeated bytes, and never takes back acknowledged ones', async () => {
    const seen = await observed(
      [refusing('upload.append', 503, {}, 2), refusing('upload.commit', 404)],
      chunks,
    );
    const acknowledged = seen.map((progress) => progress.acknowledged);
    assert.deepEqual(
      acknowledged,
      acknowledged.toSorted((a, b) => a - b),
    );
    assert.equal(acknowledged.at(-1), 25);
    assert.ok((seen.at(-1)?.sent ?? 0) > 25);
  });

  // id: observer-throws
  it('an exception of the progress observer ends the upload and its session', async () => {
    const wired = wire();
    const failure = new Error('the screen is gone');
    const onProgress = (): void => {
      throw failure;
    };
    await assert.rejects(
      open(wired).blobs.write(sample.descriptor, sample.content, { onProgress }),
      (error) => error === failure,
    );
    assert.equal(kindsOf(wired.asked).at(-1), 'upload.cancel');
    assert.equal(await wired.at().repository('app').blobs.stat(sample.descriptor.digest), undefined);
  });
});
