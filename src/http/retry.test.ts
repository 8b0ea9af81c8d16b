import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError, TransportError } from '../errors.ts';
import { bytesContent, emptyContent, streamContent } from '../flow/content.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { RetryOptions } from './backoff.ts';
import type { WireEvent, WireObserver } from './event.ts';
import { retry } from './retry.ts';

const request: HttpRequest = {
  method: 'GET',
  url: `https://host/v2/?sig=${secret('signature')}`,
  headers: {},
  replay: 'safe',
};

type Outcome = number | HttpResponse | Error;

function answer(status: number, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, headers, body: emptyContent.open() };
}

/** Sends to a server with these outcomes, the last one repeated. Every wait passes at once and is recorded. */
async function run(
  outcomes: readonly Outcome[],
  {
    sent = request,
    observe,
    ...options
  }: RetryOptions & { readonly sent?: HttpRequest; readonly observe?: WireObserver } = {},
): Promise<{
  readonly status?: number;
  readonly error?: unknown;
  readonly waits: number[];
  readonly sends: number;
}> {
  const waits: number[] = [];
  let sends = 0;
  const clock = {
    now: () => 0,
    after(milliseconds: number, wake: () => void) {
      waits.push(milliseconds);
      queueMicrotask(wake);
      return () => {};
    },
  };
  const send = retry(
    { clock, random: () => 0, ...options },
    observe,
  )(async () => {
    const outcome = outcomes[Math.min(sends++, outcomes.length - 1)];
    if (outcome instanceof Error) throw outcome;
    assert.ok(outcome !== undefined);
    return typeof outcome === 'number' ? answer(outcome) : outcome;
  });
  try {
    return { status: (await send(sent)).status, waits, sends };
  } catch (error) {
    return { error, waits, sends };
  }
}

describe('retry', () => {
  for (const status of [408, 429, 499, 500, 502, 503, 504, 522]) {
    // id: retry-after-status
    it(`retry repeats a request after ${status}`, async () => {
      assert.deepEqual(await run([status, 200]), { status: 200, waits: [1000], sends: 2 });
    });
  }

  for (const status of [200, 206, 307, 400, 401, 403, 404, 416, 501, 505]) {
    it(`retry does not repeat a request after ${status}`, async () => {
      assert.deepEqual(await run([status]), { status, waits: [], sends: 1 });
    });
  }

  for (const code of ['CUT_OFF', 'TIMED_OUT', 'STALLED'] as const) {
    it(`retry repeats a request after ${code}`, async () => {
      assert.equal((await run([new TransportError(code, 'x'), 200])).status, 200);
    });
  }

  // id: retry-busy-name-server
  it('retry repeats a request after a busy name server, but after no other NO_CONNECTION', async () => {
    const busy = new TransportError('NO_CONNECTION', 'x', {
      cause: Object.assign(new Error(), { code: 'EAI_AGAIN' }),
    });
    assert.equal((await run([busy, 200])).status, 200);
    const refused = await run([
      new TransportError('NO_CONNECTION', 'x', { cause: new Error('refused') }),
      200,
    ]);
    assert.ok(isGantryError(refused.error, 'NO_CONNECTION'));
    assert.equal(refused.sends, 1);
  });

  it('retry tries twice more, after 1 and 3 seconds, and then returns the last outcome', async () => {
    assert.deepEqual(await run([503]), { status: 503, waits: [1000, 3000], sends: 3 });
    const cut = await run([new TransportError('CUT_OFF', 'x')]);
    assert.ok(isGantryError(cut.error, 'CUT_OFF'));
    assert.equal(cut.sends, 3);
  });

  it('retry waits as its options say', async () => {
    const options = { attempts: 5, initial: 10, factor: 2, cap: 50, jitter: 1, random: () => 0.5 };
    assert.deepEqual((await run([503], options)).waits, [15, 30, 50, 50]);
    assert.deepEqual(await run([503], { attempts: 1 }), { status: 503, waits: [], sends: 1 });
    assert.deepEqual(await run([404, 200], { statuses: [404] }), { status: 200, waits: [1000], sends: 2 });
  });

  for (const [name, header, wait] of [
    ['seconds', '7', 7000],
    ['a date', new Date(9000).toUTCString(), 9000],
    ['nonsense, which it ignores', 'soon', 1000],
  ] as const) {
    it(`retry obeys a Retry-After of ${name}`, async () => {
      assert.deepEqual((await run([answer(429, { 'retry-after': [header] }), 200])).waits, [wait]);
    });
  }

  it('long-retry-after: retry does not repeat a request whose Retry-After is beyond the cap', async () => {
    for (const header of ['61', '3600', new Date(61_000).toUTCString()]) {
      const refused = await run([answer(429, { 'retry-after': [header] }), 200]);
      assert.deepEqual(refused, { status: 429, waits: [], sends: 1 }, header);
    }
  });

  // id: retry-repeatable-only
  it('retry repeats only requests that may be repeated', async () => {
    for (const [more, sends] of [
      [{ replay: 'never' }, 1],
      [{ body: streamContent(emptyContent.open()) }, 1],
      [{ body: bytesContent(new Uint8Array(1)) }, 3],
    ] as const) {
      assert.equal((await run([503], { sent: { ...request, ...more } })).sends, sends);
    }
  });

  it('retry reports each retry, without secrets', async () => {
    const events: WireEvent[] = [];
    await run([503, new TransportError('CUT_OFF', 'x'), 200], { observe: (event) => events.push(event) });
    assert.deepEqual(
      events.map((event) =>
        event.kind === 'retry'
          ? [event.attempt, event.maxAttempts, event.nextRetryIn, statusOf(event.error)]
          : [],
      ),
      [
        [1, 3, 1000, 503],
        [2, 3, 3000, undefined],
      ],
    );
    assert.equal(JSON.stringify(events).includes(secret('signature')), false);
  });

  it('retry stops when the observer returns false, and when the predicate refuses', async () => {
    assert.deepEqual(await run([503], { onRetry: () => false }), { status: 503, waits: [], sends: 1 });
    assert.equal((await run([503], { retryable: () => false })).sends, 1);
    const judged: boolean[] = [];
    const retryable = (_: unknown, verdict: boolean) => judged.push(verdict) > 0;
    assert.deepEqual(await run([404, 200], { retryable }), { status: 200, waits: [1000], sends: 2 });
    assert.deepEqual(judged, [false]);
  });

  it('retry rejects at once when it is aborted while it waits', async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    const reason = new Error('enough');
    const sent = retry({ clock })(async () => answer(503))({ ...request, signal: abort.signal });
    await clock.waiting();
    abort.abort(reason);
    await assert.rejects(sent, (error) => error === reason);
  });

  it('retry does not repeat an aborted request', async () => {
    const reason = new TransportError('CUT_OFF', 'looks like a failure');
    const outcome = await run([reason], { sent: { ...request, signal: AbortSignal.abort(reason) } });
    assert.equal(outcome.error, reason);
    assert.equal(outcome.sends, 1);
  });
});

function statusOf(error: unknown): number | undefined {
  return isGantryError(error) ? error.response?.status : undefined;
}
