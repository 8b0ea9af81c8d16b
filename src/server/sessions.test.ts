import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { as, askingWith, loginOf } from '../../test/server/access-stage.ts';
import { isGantryError } from '../errors.ts';
import { streamContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Registry } from '../store/contract.ts';
import type { Upload } from '../store/upload.ts';
import { createAccess } from './access/access.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, digestText, Gate, streamOf } from './ask.test.support.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { createSessions, type Sessions } from './sessions.ts';

interface Scene {
  readonly ask: Ask;
  readonly sessions: Sessions;
}

function scene(limits: Partial<Limits>): Scene {
  const sessions = createSessions({ ...defaultLimits, ...limits });
  return { ask: asking(createApp(createMemoryRegistry(), { limits, sessions })), sessions };
}

async function start(ask: Ask, repository = 'a'): Promise<string> {
  const answer = await ask('POST', `/v2/${repository}/blobs/uploads/`);
  assert.equal(answer.status, 202);
  return answer.header('location') ?? '';
}

const digest = digestText('hello');

describe('sessions that are open', () => {
  it('open sessions have a limit, and the next client is asked to come later', async () => {
    const { ask, sessions } = scene({ sessions: 2 });
    await start(ask);
    await start(ask, 'b');
    const refused = await ask('POST', '/v2/c/blobs/uploads/');
    assertRefused(refused, 429, 'TOOMANYREQUESTS');
    assert.match(refused.header('retry-after') ?? '', /^\d+$/);
    assertRefused(await ask('POST', `/v2/c/blobs/uploads/?mount=${digest}`), 429, 'TOOMANYREQUESTS');
    assert.equal(sessions.count(), 2);
  });

  it('open sessions have a limit in each repository', async () => {
    const { ask } = scene({ repositorySessions: 1 });
    await start(ask);
    assertRefused(await ask('POST', '/v2/a/blobs/uploads/'), 429, 'TOOMANYREQUESTS');
    await start(ask, 'b');
  });

  const ends: readonly [name: string, end: (ask: Ask, location: string) => Promise<unknown>][] = [
    ['a commit', (ask, location) => ask('PUT', `${location}?digest=${digest}`, { body: 'hello' })],
    ['a cancel', (ask, location) => ask('DELETE', location)],
    ['a wrong digest', (ask, location) => ask('PUT', `${location}?digest=${digest}`, { body: 'other' })],
  ];
  for (const [name, end] of ends) {
    it(`${name} gives a place back`, async () => {
      const { ask, sessions } = scene({ sessions: 1 });
      await end(ask, await start(ask));
      assert.equal(sessions.count(), 0);
      await start(ask);
    });
  }

  const stays: readonly [name: string, step: (ask: Ask, location: string) => Promise<unknown>][] = [
    ['a chunk', (ask, location) => ask('PATCH', location, { body: 'hello' })],
    [
      'a chunk that broke off',
      (ask, location) => ask('PATCH', location, { body: streamOf(['he'], new Error()) }),
    ],
    [
      'a commit that broke off',
      (ask, location) => ask('PUT', `${location}?digest=${digest}`, { body: streamOf(['he'], new Error()) }),
    ],
    ['a commit without a digest', (ask, location) => ask('PUT', location)],
    [
      'a chunk in the wrong place',
      (ask, location) => ask('PATCH', location, { body: 'x', headers: { 'content-range': '5-5' } }),
    ],
  ];
  for (const [name, step] of stays) {
    it(`${name} keeps the place`, async () => {
      const { ask, sessions } = scene({ sessions: 1 });
      const location = await start(ask);
      await step(ask, location).catch(() => undefined);
      assert.equal(sessions.count(), 1);
      assert.equal((await ask('GET', location)).status, 204);
    });
  }

  it('blobs that are sent in one request do not count as open sessions, for any result', async () => {
    const { ask, sessions } = scene({ sessions: 1 });
    const target = `/v2/a/blobs/uploads/?digest=${digest}`;
    assert.equal((await ask('POST', target, { body: 'hello' })).status, 201);
    assertRefused(await ask('POST', target, { body: 'other' }), 400, 'DIGEST_INVALID');
    await assert.rejects(ask('POST', target, { body: streamOf(['he'], new Error('cut')) }));
    assert.equal(sessions.count(), 0);
  });

  it('sessions that no request began do not count', async () => {
    const { ask, sessions } = scene({});
    assertRefused(await ask('GET', '/v2/a/blobs/uploads/YQ'), 404, 'BLOB_UPLOAD_UNKNOWN');
    assert.equal(sessions.count(), 0);
  });

  it('a session that nobody uses for long gives up its place', async () => {
    const { ask, sessions } = scene({ sessions: 1, sessionIdle: 0 });
    const location = await start(ask);
    await start(ask);
    assert.equal(sessions.count(), 1);
    assertRefused(await ask('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('a session whose client has left before it has the answer', () => {
  for (const target of ['/v2/a/blobs/uploads/', `/v2/a/blobs/uploads/?mount=${digest}&from=b`]) {
    it(`orphaned-session: a session whose client leaves before the response is cancelled, and its place is free: ${target}`, async () => {
      const { ask, sessions } = scene({ sessions: 1 });
      const client = new AbortController();
      const answer = await ask('POST', target, { signal: client.signal });
      assert.deepEqual([answer.status, sessions.count()], [202, 1]);
      client.abort();
      assert.equal(sessions.count(), 0);
      await start(ask, 'b');
      const location = answer.header('location') ?? '';
      assertRefused(await ask('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
    });
  }

  it('orphaned-session: a session that a request has used stays', async () => {
    const { ask, sessions } = scene({});
    const client = new AbortController();
    const answer = await ask('POST', '/v2/a/blobs/uploads/', { signal: client.signal });
    const location = answer.header('location') ?? '';
    assert.equal((await ask('GET', location)).status, 204);
    client.abort();
    assert.equal(sessions.count(), 1);
    assert.equal((await ask('PUT', `${location}?digest=${digest}`, { body: 'hello' })).status, 201);
  });
});

describe('sessions of several holders', () => {
  it('one-user-all-sessions: one user gets at most half of the sessions, so that others find a place', async () => {
    const sessions = createSessions({ ...defaultLimits, sessions: 20, repositorySessions: 2 });
    const access = createAccess({ login: loginOf(['alice', 'bob', 'carol']) });
    const ask = asking(createApp(createMemoryRegistry(), { access, sessions }));
    const taken = async (user: string): Promise<number> => {
      const asked = askingWith(ask, as(user));
      let count = 0;
      for (let at = 0; at < 24; at++) {
        const answer = await asked('POST', `/v2/${user}/r${at}/blobs/uploads/`);
        if (answer.status === 202) count++;
        else assertRefused(answer, 429, 'TOOMANYREQUESTS');
      }
      return count;
    };
    assert.deepEqual([await taken('alice'), await taken('bob'), await taken('carol')], [10, 5, 3]);
  });

  it('one-user-all-sessions: without a login, one address of another machine does not take them all', async () => {
    const sessions = createSessions({ ...defaultLimits, sessions: 8 });
    const app = createApp(createMemoryRegistry(), { sessions });
    const from = async (peer: string): Promise<number> => {
      const arrival = { listener: 'http://127.0.0.1:1', peer };
      const url = '/v2/a/blobs/uploads/';
      return (await app({ method: 'POST', url, headers: {}, replay: 'never', arrival })).status;
    };
    for (let at = 0; at < 8; at++) await from('10.0.0.9');
    assert.equal(sessions.count(), 4);
    assert.equal(await from('10.0.0.1'), 202);
    // Behind a proxy, all clients have this machine's address.
    assert.deepEqual(
      [await from('127.0.0.1'), await from('::1'), await from('127.0.0.1'), await from('127.0.0.1')],
      [202, 202, 202, 429],
    );
  });

  it('one-user-all-sessions: requests for the offset do not keep a session', async () => {
    const { ask, sessions } = scene({ sessions: 1, sessionIdle: 0 });
    const location = await start(ask);
    assert.equal((await ask('GET', location)).status, 204);
    await ask('PATCH', location, { body: '' });
    await start(ask, 'b');
    assert.equal(sessions.count(), 1);
    assertRefused(await ask('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('a session that somebody holds', () => {
  it('a request for the offset takes a held session from a request that sends nothing any more', async () => {
    const { ask, location, append } = await held(200);
    assert.equal((await ask('GET', location)).header('range'), '0-4');
    await assert.rejects(append, (error) => isGantryError(error, 'CUT_OFF'));
  });

  it('the next chunk takes a held session, and continues at the end of the other one', async () => {
    const { ask, location, append } = await held(200);
    const next = { body: ' you', headers: { 'content-range': '5-8' } };
    assert.equal((await ask('PATCH', location, next)).header('range'), '0-8');
    await assert.rejects(append, (error) => isGantryError(error, 'CUT_OFF'));
  });

  it('a held session reports its offset also while the store still works on the received bytes', async () => {
    const [arrived, go] = [new Gate(), new Gate()];
    const limits = { ...defaultLimits, patience: 20 };
    const ask = asking(createApp(slowly(arrived, go), { sessions: createSessions(limits) }));
    const location = await start(ask);
    const append = ask('PATCH', location, { body: 'hello' });
    await arrived.opened;
    assert.equal((await ask('GET', location)).header('range'), '0-4');
    go.open();
    assert.equal((await append).status, 202);
  });

  it('other sessions do not wait for a held one', async () => {
    const { ask, go, append } = await held(5_000);
    assert.equal((await ask('GET', await start(ask))).status, 204);
    go.open();
    await append;
  });
});

/** A body that stalls after `hello`. */
async function held(
  patience: number,
): Promise<Scene & { location: string; append: Promise<unknown>; go: Gate }> {
  const made = scene({ patience });
  const location = await start(made.ask);
  const [arrived, go] = [new Gate(), new Gate()];
  const parts = async function* (): AsyncIterable<Uint8Array> {
    yield new TextEncoder().encode('hello');
    arrived.open();
    await go.opened;
  };
  const append = made.ask('PATCH', location, { body: streamContent(parts()) });
  append.catch(() => undefined);
  await arrived.opened;
  return { ...made, location, append, go };
}

/** A registry that is slow after it has received the bytes of a chunk. */
function slowly(arrived: Gate, go: Gate): Registry {
  const registry = createMemoryRegistry();
  const slow = (upload: Upload): Upload => ({
    id: upload.id,
    limits: upload.limits,
    get offset() {
      return upload.offset;
    },
    async append(content, options) {
      await upload.append(content, options);
      arrived.open();
      await go.opened;
    },
    commit: (...given) => upload.commit(...given),
    cancel: (...given) => upload.cancel(...given),
  });
  return {
    repositories: (options) => registry.repositories(options),
    repository(name, intent) {
      const repository = registry.repository(name, intent);
      const { blobs } = repository;
      return { ...repository, blobs: { ...blobs, resume: async (id) => slow(await blobs.resume(id)) } };
    },
  };
}
