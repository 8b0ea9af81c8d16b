import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { secret } from '../../test/secret.ts';
import { isGantryError, TransportError } from '../errors.ts';
import { emptyContent } from '../flow/content.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import { createSecrets } from '../wire/secrets.ts';
import type { WireEvent } from './event.ts';
import { createLine } from './line.ts';

const request: HttpRequest = {
  method: 'GET',
  url: `https://a.example/v2/?sig=${secret('signature')}`,
  headers: { authorization: [`Bearer ${secret('bearer')}`], cookie: [secret('cookie')] },
  replay: 'safe',
};

function answer(status: number, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, headers, body: emptyContent.open() };
}

/** Sends the given answers, one after the other. */
function script(...answers: readonly (HttpResponse | Error)[]): {
  readonly send: Send;
  readonly seen: HttpRequest[];
} {
  const seen: HttpRequest[] = [];
  return {
    seen,
    send: async (sent) => {
      const next = answers[seen.push(sent) - 1];
      assert.ok(next !== undefined);
      if (next instanceof Error) throw next;
      return next;
    },
  };
}

const warned = (): HttpResponse => answer(404, { warning: ['299 - "old"', '299 - "older"', '199 - "no"'] });

const silent: Send = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

const impatient = { initial: 0, jitter: 0 };

const badge: Middleware = (next) => (sent) =>
  next({ ...sent, headers: { ...sent.headers, authorization: ['badge'] } });

describe('createLine', () => {
  it('createLine sends credentials with every hop and retry within the origin, and to no other origin', async () => {
    const { send, seen } = script(
      answer(503),
      answer(307, { location: ['/there'] }),
      answer(307, { location: ['https://cdn.example/x'] }),
      answer(200),
    );
    await createLine({ transport: send, authorize: badge, retry: impatient })(request);
    assert.deepEqual(
      seen.map(({ url, headers }) => [url, headers['authorization']?.[0]]),
      [
        [request.url, 'badge'],
        [request.url, 'badge'],
        ['https://a.example/there', 'badge'],
        ['https://cdn.example/x', undefined],
      ],
    );
  });

  it('createLine returns a redirect as the answer when redirects are off', async () => {
    const { send } = script(answer(307, { location: ['/there'] }));
    assert.equal((await createLine({ transport: send, redirects: false })(request)).status, 307);
  });

  // id: wire-events-without-secrets
  it('createLine reports requests, answers, failures and retries without secrets', async () => {
    const events: WireEvent[] = [];
    const { send } = script(
      new TransportError('CUT_OFF', 'broken'),
      answer(307, {
        location: [`https://cdn.example/x?X-Amz-Signature=${secret('signature')}`],
        'set-cookie': [secret('cookie')],
      }),
      answer(200),
    );
    await createLine({ transport: send, retry: impatient, observe: (event) => events.push(event) })(request);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['request', 'failure', 'retry', 'request', 'response', 'request', 'response'],
    );
    assert.equal(JSON.stringify(events).includes(secret('')), false);
    const ids = events.flatMap((event) => ('id' in event ? [event.id] : []));
    assert.deepEqual(ids, [1, 1, 2, 2, 3, 3]);
  });

  // id: warnings-once
  it('createLine reports each warning once per host', async () => {
    const warnings: unknown[] = [];
    const { send } = script(warned(), warned(), warned());
    const observe = (event: WireEvent): void => {
      if (event.kind === 'warning') warnings.push([event.host, event.text]);
    };
    const alone: unknown[] = [];
    const line = createLine({
      transport: send,
      observe,
      onWarning: ({ host, text }) => alone.push([host, text]),
    });
    await line(request);
    await line(request);
    await line({ ...request, url: 'https://b.example/' });
    assert.deepEqual(warnings, [
      ['a.example', 'old'],
      ['a.example', 'older'],
      ['b.example', 'old'],
      ['b.example', 'older'],
    ]);
    assert.deepEqual(alone, warnings);
  });

  it('createLine reports warnings without an observer of each request, and then reads no header for the log', async () => {
    const warnings: unknown[] = [];
    const { send } = script(warned());
    let reads = 0;
    const headers = new Proxy(request.headers, {
      ownKeys: (target) => {
        reads++;
        return Reflect.ownKeys(target);
      },
    });
    const line = createLine({ transport: send, onWarning: ({ text }) => warnings.push(text) });
    await line({ ...request, headers });
    assert.deepEqual(warnings, ['old', 'older']);
    assert.equal(reads, 0);
  });

  it('createLine hides the secrets of earlier requests in the answer to a later one', async () => {
    const secrets = createSecrets();
    const events: WireEvent[] = [];
    const line = createLine({
      transport: async () => answer(404, { 'x-echo': [secret('earlier')] }),
      secrets,
      observe: (event) => events.push(event),
    });
    await line(request);
    secrets.add([secret('earlier')]);
    events.length = 0;
    const { secrets: told } = await line(request);
    assert.deepEqual(told, [secret('earlier')]);
    assert.ok(!JSON.stringify(events).includes(secret('earlier')));
  });

  it('late-session: createLine gives the secrets also to the receiver of a late answer', async () => {
    const clock = createManualClock();
    const secrets = createSecrets();
    secrets.add([secret('header')]);
    const answers: ((response: HttpResponse) => void)[] = [];
    const late: HttpResponse[] = [];
    const transport: Send = () => new Promise((resolve) => answers.push(resolve));
    const line = createLine({ transport, secrets, timeouts: { clock } });
    const start = { ...request, method: 'POST', onLate: (response: HttpResponse) => late.push(response) };
    const sent = line(start);
    await turn();
    await clock.advance(15_000);
    await turn();
    answers[1]?.(answer(202));
    assert.deepEqual((await sent).secrets, [secret('header')]);
    answers[0]?.(answer(202));
    await turn();
    assert.deepEqual(
      late.map((response) => response.secrets),
      [[secret('header')]],
    );
  });

  it('createLine ends the silence of a transport', async () => {
    const line = createLine({ transport: silent, timeouts: { answer: 1 }, retry: { attempts: 1 } });
    await assert.rejects(line(request), (error) => isGantryError(error, 'TIMED_OUT'));
  });
});
