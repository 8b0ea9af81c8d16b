import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { StorageError } from '../errors.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Registry } from '../store/contract.ts';
import type { Upload } from '../store/upload.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, digestText } from './ask.test.support.ts';
import { type Exchange, observers } from './exchange.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { openSessions, type Sessions } from './sessions.ts';

const broken = (what: string): StorageError =>
  new StorageError('IO_FAILED', `${what} failed`, { path: 'store' });

interface Faults {
  /** Throws instead of starting a session while it returns true. */
  readonly start?: () => boolean;
  readonly append?: () => boolean;
  readonly cancel?: () => boolean;
}

/** Returns a registry in memory whose uploads fail in these steps. */
function failing({ start, append, cancel }: Faults): Registry {
  const whole = createMemoryRegistry();
  const spoilt = (upload: Upload): Upload => ({
    id: upload.id,
    limits: upload.limits,
    get offset() {
      return upload.offset;
    },
    append: async (...args) => {
      if (append?.() === true) throw broken('append');
      await upload.append(...args);
    },
    commit: (...args) => upload.commit(...args),
    cancel: async () => {
      if (cancel?.() === true) throw broken('cancel');
      await upload.cancel();
    },
  });
  return {
    ...whole,
    repository(name, intent) {
      const repository = whole.repository(name, intent);
      const { blobs } = repository;
      return {
        ...repository,
        blobs: {
          ...blobs,
          async start(options) {
            if (start?.() === true) throw broken('start');
            return spoilt(await blobs.start(options));
          },
          resume: async (id, options) => spoilt(await blobs.resume(id, options)),
        },
      };
    },
  };
}

interface Scene {
  readonly ask: Ask;
  readonly sessions: Sessions;
  readonly clock: ReturnType<typeof createManualClock>;
}

function scene(faults: Faults, limits: Partial<Limits> = {}): Scene {
  const clock = createManualClock();
  const sessions = openSessions({ ...defaultLimits, ...limits }, {}, clock);
  return { ask: asking(createApp(failing(faults), { sessions, limits })), sessions, clock };
}

const uploads = '/v2/a/blobs/uploads/';
const digest = digestText('hello');

describe('a store that fails', () => {
  it('a session that the store cannot start takes no place', async () => {
    let fails = true;
    const { ask, sessions } = scene({ start: () => fails }, { sessions: 1 });
    assertRefused(await ask('POST', uploads), 500, 'UNKNOWN');
    assert.equal(sessions.count(), 0);
    fails = false;
    assert.equal((await ask('POST', uploads)).status, 202);
    assert.equal(sessions.count(), 1);
  });

  it('the response to a failure of the store has no details of it, and the operator learns them', async () => {
    const failures: unknown[] = [];
    const app = createApp(failing({ start: () => true }), { onFailure: (error) => failures.push(error) });
    const refused = await asking(app)('POST', uploads);
    assert.ok(!refused.text.includes('start failed'), refused.text);
    assert.match(String(failures), /start failed/);
  });

  it('a client that leaves before the response frees the place, even if the store cannot cancel', async () => {
    const { ask, sessions } = scene({ cancel: () => true }, { sessions: 1 });
    const client = new AbortController();
    assert.equal((await ask('POST', uploads, { signal: client.signal })).status, 202);
    client.abort();
    // A rejection that nothing handles would end the test here.
    await setImmediate();
    assert.equal(sessions.count(), 0);
    assert.equal((await ask('POST', uploads)).status, 202);
  });

  it('a whole blob with a wrong digest is refused for that, even if the store cannot cancel', async () => {
    const { ask, sessions } = scene({ cancel: () => true }, { sessions: 1 });
    const refused = await ask('POST', `${uploads}?digest=${digest}`, { body: 'other' });
    assertRefused(refused, 400, 'DIGEST_INVALID');
    assert.equal(sessions.count(), 0);
  });

  it('a whole blob that the store cannot take gives its place back', async () => {
    const { ask, sessions } = scene({ cancel: () => true, start: () => true }, { sessions: 1 });
    const refused = await ask('POST', `${uploads}?digest=${digest}`, { body: 'hello' });
    assertRefused(refused, 500, 'UNKNOWN');
    assert.equal(sessions.count(), 0);
  });

  it('an idle session gives its place up, even if the store cannot cancel', async () => {
    const { ask, sessions, clock } = scene({ cancel: () => true }, { sessions: 1, sessionIdle: 5000 });
    const location = (await ask('POST', uploads)).header('location') ?? '';
    assertRefused(await ask('POST', uploads), 429, 'TOOMANYREQUESTS');
    await clock.advance(5001);
    await setImmediate();
    assert.equal(sessions.count(), 0);
    assert.equal((await ask('POST', uploads)).status, 202);
    // The store still has the first one, and takes its bytes.
    assert.equal((await ask('PATCH', location, { body: 'hello' })).status, 202);
  });

  it('a chunk that the store cannot take leaves the session at its offset, for the same chunk again', async () => {
    let fails = false;
    const { ask, sessions } = scene({ append: () => fails });
    const location = (await ask('POST', uploads)).header('location') ?? '';
    assert.equal((await ask('PATCH', location, { body: 'he' })).status, 202);
    fails = true;
    const headers = { 'content-range': '2-4' };
    assertRefused(await ask('PATCH', location, { body: 'llo', headers }), 500, 'UNKNOWN');
    assert.equal((await ask('GET', location)).header('range'), '0-1');
    fails = false;
    assert.equal((await ask('PATCH', location, { body: 'llo', headers })).status, 202);
    assert.equal((await ask('PUT', `${location}?digest=${digest}`)).status, 201);
    assert.equal(sessions.count(), 0);
  });

  it('a cancellation that the store refuses is an error, and the session stays', async () => {
    let fails = true;
    const { ask, sessions } = scene({ cancel: () => fails });
    const location = (await ask('POST', uploads)).header('location') ?? '';
    assertRefused(await ask('DELETE', location), 500, 'UNKNOWN');
    assert.equal(sessions.count(), 1);
    fails = false;
    assert.equal((await ask('DELETE', location)).status, 204);
    assert.equal(sessions.count(), 0);
    assertRefused(await ask('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('observers', () => {
  it('observers calls each observer, of which some do not care for the start', () => {
    const calls: string[] = [];
    const exchange: Exchange = {
      method: 'GET',
      target: '/v2/',
      whole: true,
      startedAt: new Date(0),
      duration: 1,
      received: 0,
      sent: 2,
      note: {},
    };
    const all = observers([
      { ended: ({ method }) => calls.push(`one ${method}`) },
      { started: () => calls.push('two starts'), ended: ({ sent }) => calls.push(`two ${sent}`) },
    ]);
    all.started?.();
    all.ended(exchange);
    assert.deepEqual(calls, ['two starts', 'one GET', 'two 2']);
  });
});
