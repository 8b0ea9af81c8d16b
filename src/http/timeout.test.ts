import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, isGantryError } from '../errors.ts';
import { drain } from '../flow/collect.ts';
import { bytesContent, type Content, streamContent } from '../flow/content.ts';
import { createManualClock, type ManualClock } from '../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { timeout } from './timeout.ts';

const failure = new Error('enough');
const request: HttpRequest = { method: 'GET', url: 'https://host:5000/', headers: {}, replay: 'safe' };

/** A server that does nothing by itself, and ends when the test says so. */
const silent: Send = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));

function answer(body: AsyncIterable<Uint8Array>): HttpResponse {
  return { status: 200, headers: {}, body };
}

function failsWith(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error: unknown) => {
    assert.ok(isGantryError(error, code));
    return error.message.includes('host:5000');
  });
}

async function* chunks(count: number, pause: () => Promise<void>, size = 1): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) {
    await pause();
    yield new Uint8Array(size);
  }
}

const deaf = (): Promise<never> => new Promise(() => undefined);

/** Never ends before the signal aborts. */
async function* stuck(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1);
  await new Promise((_, reject) =>
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
}

/** Reads the whole request and then does nothing. */
const taking: Send = async (sent) => {
  if (sent.body !== undefined) await drain(sent.body.open());
  return await silent(sent);
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const limits = (clock: ManualClock): Parameters<typeof timeout>[0] => ({
  answer: 10_000,
  progress: 3_000,
  clock,
});

describe('timeout ends a silence', () => {
  it('timeout rejects with TIMED_OUT without an answer, after the time of the pipeline or of the request', async () => {
    for (const [more, within] of [
      [{}, 10_000],
      [{ answerWithin: 900_000 }, 900_000],
    ] as const) {
      const clock = createManualClock();
      const sent = failsWith(timeout(limits(clock))(silent)({ ...request, ...more }), 'TIMED_OUT');
      assert.equal(await clock.waiting(), within);
      await clock.advance(within);
      await sent;
    }
  });

  it('timeout rejects with STALLED when the server stops reading the request', async () => {
    const clock = createManualClock();
    const neverTaken = failsWith(
      timeout(limits(clock))(silent)({
        ...request,
        body: bytesContent(new Uint8Array(1)),
        answerWithin: 900_000,
      }),
      'STALLED',
    );
    assert.equal(await clock.waiting(), 3_000);
    await clock.advance(3_000);
    await neverTaken;
  });

  it('timeout rejects with TIMED_OUT when no answer follows a sent request', async () => {
    const clock = createManualClock();
    const sent = failsWith(
      timeout(limits(clock))(taking)({ ...request, body: bytesContent(new Uint8Array(1)) }),
      'TIMED_OUT',
    );
    // The timer for the answer replaces the timer of the last chunk in the same turn.
    await turn();
    assert.equal(await clock.waiting(), 10_000);
    await clock.advance(10_000);
    await sent;
  });

  it('timeout rejects with STALLED when an answer stands still', async () => {
    const clock = createManualClock();
    const { body } = await timeout(limits(clock))(async ({ signal }) => answer(stuck(signal)))(request);
    const read = failsWith(drain(body), 'STALLED');
    // The first chunk arrives at once and is read.
    await turn();
    assert.equal(await clock.waiting(), 3_000);
    await clock.advance(3_000);
    await read;
  });
});

describe('dripping-answers: a body that a byte now and then keeps open', () => {
  const rows: readonly [what: string, status: number, piece: number, progress: number][] = [
    ['the body of an answer is STALLED after the progress timeout', 200, 1, 3_000],
    ['the body of an error answer is STALLED after 10 s, however many bytes it brings', 500, 2_000, 60_000],
    ['the body of an error answer is STALLED after the progress timeout, if that is shorter', 404, 1, 3_000],
  ];
  for (const [what, status, piece, progress] of rows) {
    it(what, async () => {
      const clock = createManualClock();
      const ending: Send = async ({ signal }) => {
        const slow = async (): Promise<void> => {
          await clock.advance(1_000);
          signal?.throwIfAborted();
        };
        return { ...answer(chunks(100, slow, piece)), status };
      };
      const { body } = await timeout({ ...limits(clock), progress })(ending)(request);
      const began = clock.now();
      await failsWith(drain(body), 'STALLED');
      assert.equal(clock.now() - began, Math.min(progress, 10_000));
      assert.equal(clock.set(), 0);
    });
  }
});

describe('timeout sets no limit', () => {
  it('timeout sets no limit to a transfer that makes progress', async () => {
    const clock = createManualClock();
    const slow = (): Promise<void> => clock.advance(2_000);
    const taking: Send = async (sent) => {
      for await (const _ of (sent.body ?? bytesContent(new Uint8Array(0))).open()) await slow();
      return answer(chunks(20, slow, 1024));
    };
    const body = bytesContent(new Uint8Array(1));
    const response = await timeout(limits(clock))(taking)({ ...request, body });
    assert.equal(await drain(response.body), 20 * 1024);
  });

  it('timeout sets no limit to a short answer in pieces', async () => {
    const clock = createManualClock();
    const slow = (): Promise<void> => clock.advance(100);
    const response = await timeout(limits(clock))(async () => answer(chunks(20, slow)))(request);
    assert.equal(await drain(response.body), 20);
  });

  it('timeout sets no limit to a slow source or a slow reader', async () => {
    const clock = createManualClock();
    const think = (): Promise<void> => clock.advance(100_000);
    const body: Content = streamContent(chunks(3, think));
    const taking: Send = async (sent) => {
      assert.equal(await drain((sent.body ?? body).open()), 3);
      return answer(chunks(3, () => Promise.resolve()));
    };
    const response = await timeout(limits(clock))(taking)({ ...request, body });
    for await (const _ of response.body) await think();
  });

  it('timeout sets no limit to an answer that nothing reads', async () => {
    const clock = createManualClock();
    let seen: AbortSignal | undefined;
    await timeout(limits(clock))(async ({ signal }) => {
      seen = signal;
      return answer(stuck(signal));
    })(request);
    await clock.advance(1_000_000);
    assert.equal(seen?.aborted, false);
  });
});

describe('the end of a request under timeout', () => {
  const failing = new Error('the connection is gone');

  it('lingers-after-cut-push: timeout sets no timer when the source yields its chunk after the failure', async () => {
    const clock = createManualClock();
    let bring: (() => void) | undefined;
    const brought = new Promise<void>((resolve) => {
      bring = resolve;
    });
    let taken: Promise<unknown> = Promise.resolve();
    // Reads the body as a transport does, and fails between two chunks while the third is under way.
    const cut: Send = async ({ body }) => {
      const source = (body ?? bytesContent(new Uint8Array(0))).open();
      taken = drain(source);
      await turn();
      throw failing;
    };
    let chunk = 0;
    const body = streamContent(chunks(3, () => (++chunk < 3 ? Promise.resolve() : brought)));
    const sent = timeout(limits(clock))(cut)({ ...request, method: 'PUT', body });
    await assert.rejects(sent, (error) => error === failing);
    bring?.();
    await taken;
    assert.equal(clock.set(), 0);
  });

  const quiet: readonly [how: string, send: Send, end: (body: AsyncIterable<Uint8Array>) => unknown][] = [
    ['was read', async () => answer(chunks(2, turn)), (body) => drain(body)],
    ['was cancelled', async () => answer(chunks(2, turn)), (body) => body[Symbol.asyncIterator]().return?.()],
    ['was never read', async () => answer(chunks(2, turn)), () => undefined],
    [
      'broke off',
      async () => answer(chunks(1, () => Promise.reject(failing))),
      (body) => drain(body).catch(() => undefined),
    ],
  ];
  for (const [how, send, end] of quiet) {
    it(`timeout leaves no timer when the answer ${how}`, async () => {
      const clock = createManualClock();
      const { body } = await timeout(limits(clock))(send)({
        ...request,
        body: bytesContent(new Uint8Array(9)),
      });
      await end(body);
      assert.equal(clock.set(), 0);
    });
  }
});

describe('a sender that ignores its signal', () => {
  it('timeout does not wait for a sender that ignores its signal when no answer arrives', async () => {
    const clock = createManualClock();
    const sent = failsWith(timeout(limits(clock))(deaf)(request), 'TIMED_OUT');
    await clock.advance(12_000);
    await sent;
    assert.equal(clock.set(), 0);
  });

  it('timeout does not wait for such a sender after an abort, and cancels its late answer', async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    let give: ((response: HttpResponse) => void) | undefined;
    const late: Send = () =>
      new Promise((resolve) => {
        give = resolve;
      });
    const sent = timeout(limits(clock))(late)({ ...request, signal: abort.signal });
    abort.abort(failure);
    const rejected = assert.rejects(sent, (error) => error === failure);
    await clock.advance(1_000);
    await rejected;
    let isReturned = false;
    const body: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => body,
      next: () => Promise.resolve({ done: true, value: undefined }),
      return: () => {
        isReturned = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    give?.(answer(body));
    await turn();
    assert.equal(isReturned, true);
  });

  it('timeout does not wait for such a sender when its body stands still', async () => {
    const clock = createManualClock();
    const body: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: deaf }) };
    const response = await timeout(limits(clock))(async () => answer(body))(request);
    const read = failsWith(drain(response.body), 'STALLED');
    await clock.advance(4_000);
    await read;
    assert.equal(clock.set(), 0);
  });
});

describe("the caller's signal under timeout", () => {
  it("timeout passes the caller's abort on with its own reason", async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const sent = timeout({ clock: createManualClock() })(silent)({ ...request, signal: abort.signal });
    abort.abort(reason);
    await assert.rejects(sent, (error) => error === reason);
  });

  const ends: readonly [how: string, end: (body: AsyncIterable<Uint8Array>) => Promise<unknown>][] = [
    ['read to its end', (body) => drain(body)],
    ['cancelled', async (body) => body[Symbol.asyncIterator]().return?.()],
  ];
  for (const [how, end] of ends) {
    it(`timeout removes its listener from the caller's signal when the answer was ${how}`, async () => {
      const abort = new AbortController();
      let seen: AbortSignal | undefined;
      const { body } = await timeout()(async ({ signal }) => {
        seen = signal;
        return answer(chunks(2, turn));
      })({ ...request, signal: abort.signal });
      await end(body);
      abort.abort();
      assert.equal(seen?.aborted, false);
    });
  }

  it('timeout ends the source of a body that is ended early', async () => {
    let returned = false;
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: new Uint8Array(1) }),
        return: () => {
          returned = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    const response = await timeout()(async () => answer(body))(request);
    await response.body[Symbol.asyncIterator]().return?.();
    assert.equal(returned, true);
  });
});
