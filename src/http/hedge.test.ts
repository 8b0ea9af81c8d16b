import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drain } from '../flow/collect.ts';
import { bytesContent, emptyContent, streamContent } from '../flow/content.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import { hedge } from './hedge.ts';
import { timeout } from './timeout.ts';

const get: HttpRequest = { method: 'GET', url: 'https://host/', headers: {}, replay: 'safe' };
const post: HttpRequest = { ...get, method: 'POST', replay: 'never' };
const put: HttpRequest = { ...get, method: 'PUT', body: bytesContent(new Uint8Array(100)) };
const token: HttpRequest = { ...get, method: 'POST', body: bytesContent(new Uint8Array(100)) };
const answer = (status = 200): HttpResponse => ({ status, headers: {}, body: emptyContent.open() });

interface Asked {
  readonly signal: AbortSignal | undefined;
  readonly give: (response: HttpResponse) => void;
  readonly fail: (error: unknown) => void;
}

function stage(options: { readonly answer?: number } = {}) {
  const clock = createManualClock();
  const asked: Asked[] = [];
  const send = hedge({ clock, ...options })(
    ({ signal }) => new Promise((give, fail) => asked.push({ signal, give, fail })),
  );
  return { clock, asked, send };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('silent-answer: a request without an answer', () => {
  for (const [name, request, after] of [
    ['GET', get, 10_000],
    ['HEAD', { ...get, method: 'HEAD' }, 10_000],
    ['silent-token: the POST for a token', token, 10_000],
    ['silent-token: a GET whose sender decides about attempts', { ...get, replay: 'never' }, 10_000],
    ['the POST that starts an upload', post, 15_000],
    ['silent-write: the PUT of a manifest', put, 15_000],
    ['silent-write: a DELETE', { ...get, method: 'DELETE' }, 15_000],
  ] as const) {
    it(`hedge sends a second request after ${after / 1000} s and takes the first answer: ${name}`, async () => {
      const { clock, asked, send } = stage();
      const sent = send(request);
      await clock.advance(after - 1);
      assert.equal(asked.length, 1);
      await clock.advance(1);
      assert.equal(asked.length, 2);
      asked[1]?.give(answer(201));
      const { status, body } = await sent;
      await drain(body);
      assert.deepEqual([status, asked[0]?.signal?.aborted, asked[1]?.signal?.aborted], [201, true, false]);
      assert.equal(clock.set(), 0);
    });

    it(`hedge never aborts the silent request before an answer and takes its answer if that comes first: ${name}`, async () => {
      const { clock, asked, send } = stage();
      const sent = send(request);
      await clock.advance(59_000);
      asked[0]?.give(answer());
      assert.equal((await sent).status, 200);
      assert.deepEqual(
        [asked.length, asked[0]?.signal?.aborted, asked[1]?.signal?.aborted],
        [2, false, true],
      );
    });
  }

  for (const [name, request] of [
    ['a PUT that must not be sent again', { ...get, method: 'PUT', replay: 'never' }],
    ['a DELETE that must not be sent again', { ...get, method: 'DELETE', replay: 'never' }],
    ['a PUT of more than a manifest', { ...put, body: bytesContent(new Uint8Array(4 * 1024 * 1024 + 1)) }],
    ['a PUT of a stream', { ...put, body: streamContent(bytesContent(new Uint8Array(1)).open()) }],
    ['a POST with a body that must not be sent again', { ...token, replay: 'never' }],
    ['a GET with a body that must not be sent again', { ...token, method: 'GET', replay: 'never' }],
    ['a PATCH that must not be sent again', { ...token, method: 'PATCH', replay: 'never' }],
    ['a PATCH without a body', { ...get, method: 'PATCH' }],
  ] as const) {
    it(`hedge sends only one request: ${name}`, async () => {
      const { clock, asked, send } = stage();
      const sent = send(request);
      await clock.advance(1_000_000);
      asked[0]?.give(answer());
      await sent;
      assert.equal(asked.length, 1);
    });
  }

  it('hedge sends the second request sooner when the answer timeout is shorter', async () => {
    const { clock, asked, send } = stage({ answer: 6_000 });
    void send(get);
    await clock.advance(1_000);
    assert.equal(asked.length, 2);
  });

  for (const status of [429, 500, 503]) {
    it(`hedge waits for the first request when the second one gets ${status}`, async () => {
      const { clock, asked, send } = stage();
      const sent = send(get);
      await clock.advance(10_000);
      asked[1]?.give(answer(status));
      await turn();
      asked[0]?.give(answer());
      assert.equal((await sent).status, 200);
    });
  }

  for (const [request, status] of [
    [put, 400],
    [put, 404],
    [put, 409],
    [token, 400],
    [token, 401],
    [{ ...get, method: 'DELETE' }, 405],
  ] as const) {
    it(`silent-write: hedge waits for the first ${request.method} when the second one gets ${status}`, async () => {
      const { clock, asked, send } = stage();
      const sent = send(request);
      await clock.advance(15_000);
      asked[1]?.give(answer(status));
      await turn();
      asked[0]?.give(answer(201));
      assert.equal((await sent).status, 201);
    });
  }

  it('silent-write: a second DELETE that finds nothing is the answer, and says that it is repeated', async () => {
    const { clock, asked, send } = stage();
    const sent = send({ ...get, method: 'DELETE' });
    await clock.advance(15_000);
    asked[1]?.give(answer(404));
    const { status, repeated } = await sent;
    assert.deepEqual([status, repeated], [404, true]);
  });

  it('hedge waits for the first request when the second fails, and for the second when the first fails', async () => {
    for (const failing of [0, 1]) {
      const { clock, asked, send } = stage();
      const sent = send(get);
      await clock.advance(10_000);
      asked[failing]?.fail(new Error('cut'));
      await turn();
      asked[1 - failing]?.give(answer());
      assert.equal((await sent).status, 200);
    }
  });

  it("hedge rejects with the first request's error when both fail or the second answer is unusable", async () => {
    const failure = new Error('the first');
    for (const end of ['fail', 'give'] as const) {
      const { clock, asked, send } = stage();
      const sent = send(get);
      await clock.advance(10_000);
      asked[0]?.fail(failure);
      await turn();
      if (end === 'fail') asked[1]?.fail(new Error('the second'));
      else asked[1]?.give(answer(503));
      await assert.rejects(sent, (error) => error === failure);
    }
  });

  it('hedge rejects at once, without a second request, when the first fails before the time', async () => {
    const { clock, asked, send } = stage();
    const failure = new Error('cut');
    const sent = send(get);
    asked[0]?.fail(failure);
    await assert.rejects(sent, (error) => error === failure);
    assert.deepEqual([asked.length, clock.set()], [1, 0]);
  });

  it("hedge aborts both requests with the caller's signal", async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    const reason = new Error('enough');
    let ended = 0;
    const silent = hedge({ clock })(
      ({ signal }) =>
        new Promise((_, reject) =>
          signal?.addEventListener('abort', () => {
            ended++;
            reject(signal.reason);
          }),
        ),
    );
    const sent = silent({ ...get, signal: abort.signal });
    await clock.advance(10_000);
    abort.abort(reason);
    await assert.rejects(sent, (error) => error === reason);
    assert.deepEqual([ended, clock.set()], [2, 0]);
  });

  for (const taken of [0, 1]) {
    it(`late-session: hedge hands over the late answer if the ${taken === 0 ? 'first' : 'second'} request is answered first`, async () => {
      const { clock, asked, send } = stage();
      const late: HttpResponse[] = [];
      const sent = send({ ...post, onLate: (response) => late.push(response) });
      await clock.advance(15_000);
      asked[taken]?.give(answer(202));
      assert.equal((await sent).status, 202);
      assert.equal(asked[1 - taken]?.signal?.aborted, false);
      asked[1 - taken]?.give(answer(201));
      await turn();
      assert.deepEqual(
        late.map(({ status }) => status),
        [201],
      );
      assert.equal(clock.set(), 0);
    });
  }

  it('late-session: hedge drops a late answer after the signal of the caller has aborted', async () => {
    const { clock, asked, send } = stage();
    const end = new AbortController();
    const late: HttpResponse[] = [];
    const sent = send({ ...post, signal: end.signal, onLate: (response) => late.push(response) });
    await clock.advance(15_000);
    asked[1]?.give(answer(202));
    await sent;
    end.abort();
    assert.equal(asked[0]?.signal?.aborted, true);
    asked[0]?.give(answer(202));
    await turn();
    assert.equal(late.length, 0);
  });

  it('late-session: hedge ignores the failure of the silent request after the second one was answered', async () => {
    const { clock, asked, send } = stage();
    const sent = send({ ...post, onLate: () => assert.fail('no answer came') });
    await clock.advance(15_000);
    asked[1]?.give(answer(202));
    assert.equal((await sent).status, 202);
    asked[0]?.fail(new Error('cut'));
    await turn();
    assert.equal(clock.set(), 0);
  });

  it('hedge rejects with the timeout when both requests stay silent', async () => {
    const clock = createManualClock();
    const silent = hedge({ clock })(
      timeout({ clock })(
        ({ signal }) =>
          new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
      ),
    );
    const sent = assert.rejects(silent(get), { code: 'TIMED_OUT' });
    await clock.advance(75_000);
    await sent;
    assert.equal(clock.set(), 0);
  });
});
