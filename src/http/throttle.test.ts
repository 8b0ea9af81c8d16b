import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent, emptyContent } from '../flow/content.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { throttle } from './throttle.ts';

const get = (url: string): HttpRequest => ({ method: 'GET', url, headers: {}, replay: 'safe' });
const put = (url: string): HttpRequest => ({
  ...get(url),
  method: 'PUT',
  body: bytesContent(new Uint8Array(1)),
});

function answer(status = 200, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, headers, body: emptyContent.open() };
}

/** A server that answers when the test says so. */
function createFarSide(): { readonly send: Send; readonly pending: ((response?: HttpResponse) => void)[] } {
  const pending: ((response?: HttpResponse) => void)[] = [];
  return {
    pending,
    send: () => new Promise((resolve) => pending.push((response = answer()) => resolve(response))),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('throttle', () => {
  // id: throttle-concurrency
  it('throttle limits the concurrent requests to a host, and sends the next one after an answer', async () => {
    const { send, pending } = createFarSide();
    const throttled = throttle({ jobs: 2 })(send);
    const all = Promise.all(['1', '2', '3'].map((name) => throttled(get(`https://a/${name}`))));
    await turn();
    assert.equal(pending.length, 2);
    pending.shift()?.();
    await turn();
    assert.equal(pending.length, 2);
    for (const resolve of pending) resolve();
    await all;
  });

  it('throttle counts each host separately, and requests with a body apart from requests without one', async () => {
    const { send, pending } = createFarSide();
    const throttled = throttle({ jobs: 1 })(send);
    const all = Promise.all(
      [get('https://a/'), get('https://a:8443/'), put('https://a/'), get('http://b/')].map(throttled),
    );
    await turn();
    assert.equal(pending.length, 4);
    for (const resolve of pending) resolve();
    await all;
  });

  it('throttle sends a request without a place after five minutes, and leaves no timer', async () => {
    const clock = createManualClock();
    const { send, pending } = createFarSide();
    const throttled = throttle({ jobs: 1, clock })(send);
    const all = Promise.all([get('https://a/1'), get('https://a/2'), get('https://a/3')].map(throttled));
    await turn();
    assert.equal(pending.length, 1);
    await clock.advance(300_000);
    assert.equal(pending.length, 3);
    for (const resolve of pending) resolve();
    await all;
    assert.equal(clock.set(), 0);
  });

  it('throttle frees the place of a request that fails', async () => {
    const throttled = throttle({ jobs: 1 })(() => Promise.reject(new Error('broken')));
    await assert.rejects(throttled(get('https://a/')));
    await assert.rejects(throttled(get('https://a/')));
  });

  it('throttle lets a request be aborted while it waits for its place', async () => {
    const { send, pending } = createFarSide();
    const throttled = throttle({ jobs: 1 })(send);
    const first = throttled(get('https://a/'));
    const abort = new AbortController();
    const second = throttled({ ...get('https://a/'), signal: abort.signal });
    const reason = new Error('enough');
    abort.abort(reason);
    await assert.rejects(second, (error) => error === reason);
    pending[0]?.();
    await first;
  });

  it('throttle lets many requests wait under one signal without a warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    const { send, pending } = createFarSide();
    const throttled = throttle({ jobs: 1 })(send);
    const all = Promise.all(Array.from({ length: 20 }, () => throttled({ ...get('https://a/'), signal })));
    for (let left = 20; left > 0; left--) {
      await turn();
      pending.shift()?.();
    }
    await all;
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  for (const status of [429, 503]) {
    it(`throttle holds back the requests of all pipelines to a host that answers ${status} with Retry-After, and no other host's`, async () => {
      const clock = createManualClock();
      const sent: string[] = [];
      const middleware = throttle({ clock, random: () => 0 });
      const far: Send = async ({ url }) => {
        sent.push(url);
        return url.endsWith('busy') ? answer(status, { 'retry-after': ['5'] }) : answer();
      };
      const [one, other] = [middleware(far), middleware(far)];
      await one(get('https://a/busy'));
      const held = [one(get('https://a/1')), other(put('https://a/2'))];
      await other(get('https://b/3'));
      assert.deepEqual(sent, ['https://a/busy', 'https://b/3']);
      await clock.advance(4_999);
      assert.equal(sent.length, 2);
      await clock.advance(1);
      await Promise.all(held);
      assert.equal(sent.length, 4);
    });
  }

  // id: throttle-retry-after
  it('throttle holds requests back for a Retry-After up to the cap, and for no other', async () => {
    const clock = createManualClock();
    let response = answer(429, { 'retry-after': ['10'] });
    const throttled = throttle({ clock, cap: 10_000, random: () => 0 })(async () => response);
    await throttled(get('https://a/'));
    const held = throttled(get('https://a/'));
    assert.equal(await clock.waiting(), 10_000);
    response = answer(429, { 'retry-after': ['11'] });
    await clock.advance(10_000);
    await held;
    response = answer(429);
    await throttled(get('https://a/'));
    await throttled(get('https://a/'));
    assert.equal(clock.set(), 0);
  });

  it('throttle lets a request be aborted while it is held back', async () => {
    const clock = createManualClock();
    const throttled = throttle({ clock, random: () => 0 })(async () => answer(429, { 'retry-after': ['5'] }));
    await throttled(get('https://a/'));
    const abort = new AbortController();
    const held = throttled({ ...get('https://a/'), signal: abort.signal });
    await clock.waiting();
    const reason = new Error('enough');
    abort.abort(reason);
    await assert.rejects(held, (error) => error === reason);
  });

  it('throttle spreads the held requests over one second', async () => {
    const clock = createManualClock();
    const parts = [0.25, 0.75];
    const sent: number[] = [];
    const far: Send = async ({ url }) => {
      sent.push(clock.now());
      return url.endsWith('busy') ? answer(429, { 'retry-after': ['5'] }) : answer();
    };
    const throttled = throttle({ clock, random: () => parts.shift() ?? 0 })(far);
    await throttled(get('https://a/busy'));
    const held = [throttled(get('https://a/1')), throttled(get('https://a/2'))];
    await clock.waiting();
    await clock.advance(6_000);
    await Promise.all(held);
    assert.deepEqual(sent, [0, 5_250, 5_750]);
  });

  it('throttle halves the limit of a host after an overload, and slowly raises it again', async () => {
    const { send, pending } = createFarSide();
    const throttled = throttle({ jobs: 4 })(send);
    const all = Array.from({ length: 40 }, (_, at) => throttled(get(`https://a/${at}`)));
    const widths: number[] = [];
    let status = 429;
    while (pending.length > 0 || widths.length === 0) {
      await turn();
      widths.push(pending.length);
      for (const resolve of pending.splice(0)) resolve(answer(status));
      status = 200;
      await turn();
    }
    await Promise.all(all);
    // Four overload answers at the same time count once.
    assert.deepEqual(widths.slice(0, 5), [4, 2, 2, 3, 4]);
    assert.equal(Math.max(...widths), 4);
  });
});
