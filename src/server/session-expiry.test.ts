import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { streamContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createManualClock, type ManualClock } from '../time/clock.test.support.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, digestText, Gate } from './ask.test.support.ts';
import { defaultLimits } from './limits.ts';
import { openSessions, type Sessions } from './sessions.ts';

const idle = 60_000;

interface Scene {
  readonly clock: ManualClock;
  readonly sessions: Sessions;
  readonly ask: Ask;
  /** The address of an upload that was just started. */
  readonly location: string;
}

async function scene(): Promise<Scene> {
  const clock = createManualClock();
  const sessions = openSessions({ ...defaultLimits, sessionIdle: idle }, {}, clock);
  const ask = asking(createApp(createMemoryRegistry(), { sessions }));
  assert.equal(clock.set(), 0);
  const started = await ask('POST', '/v2/a/blobs/uploads/');
  return { clock, sessions, ask, location: started.header('location') ?? '' };
}

describe('an upload session without new bytes', () => {
  it('idle-sessions: a session ends after the time although no other upload starts', async () => {
    const { clock, sessions, ask, location } = await scene();
    await clock.advance(idle - 1);
    assert.equal(sessions.count(), 1);
    await clock.advance(1);
    assert.equal(sessions.count(), 0);
    assertRefused(await ask('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
    assert.equal(clock.set(), 0);
  });

  it('idle-sessions: new bytes begin the time again, and a question for the offset does not', async () => {
    const { clock, sessions, ask, location } = await scene();
    await clock.advance(40_000);
    assert.equal((await ask('PATCH', location, { body: 'hello' })).status, 202);
    await clock.advance(40_000);
    assert.equal((await ask('GET', location)).status, 204);
    assert.equal(sessions.count(), 1);
    await clock.advance(20_000);
    assert.equal(sessions.count(), 0);
  });

  it('idle-sessions: a session in use stays until its request has ended', async () => {
    const { clock, sessions, ask, location } = await scene();
    const [arrived, go] = [new Gate(), new Gate()];
    const body = streamContent(
      (async function* slowly(): AsyncIterable<Uint8Array> {
        arrived.open();
        yield new TextEncoder().encode('hel');
        await go.opened;
        yield new TextEncoder().encode('lo');
      })(),
    );
    const patch = ask('PATCH', location, { body });
    await arrived.opened;
    await clock.advance(5 * idle);
    assert.equal(sessions.count(), 1);
    go.open();
    assert.equal((await patch).status, 202);
    const commit = await ask('PUT', `${location}?digest=${digestText('hello')}`);
    assert.equal(commit.status, 201);
    await clock.advance(2 * idle);
    assert.equal(clock.set(), 0);
  });

  it('idle-sessions: the end of the registry stops the timer, and later requests set none', async () => {
    const { clock, sessions, ask } = await scene();
    assert.equal(clock.set(), 1);
    sessions.close();
    assert.equal(clock.set(), 0);
    await ask('POST', '/v2/a/blobs/uploads/');
    assert.equal(clock.set(), 0);
  });
});
