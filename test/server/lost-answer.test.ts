import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { type Ask, asking, Gate } from '../../src/server/ask.test.support.ts';
import { defaultLimits } from '../../src/server/limits.ts';
import { dial, head } from '../../src/server/node/dial.test.support.ts';
import { listen } from '../../src/server/node/listen.ts';
import { createSessions, type Sessions } from '../../src/server/sessions.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';

interface Stage {
  readonly port: number;
  readonly ask: Ask;
  readonly sessions: Sessions;
  /** Opens when the registry has started a session. */
  readonly started: Gate;
  /** Opens when an exchange has ended. */
  readonly ended: Gate;
  readonly files: () => Promise<readonly string[]>;
}

/** Serves a store on disk. No response leaves the registry before `answers` opens. */
async function stage(test: TestContext, answers: Gate): Promise<Stage> {
  const store = join(await folder(test), 'store');
  const registry = await openDiskRegistry(store);
  const sessions = createSessions(defaultLimits);
  const app = createApp(registry, { sessions });
  const [started, ended] = [new Gate(), new Gate()];
  const listener = await listen(
    async (request) => {
      const response = await app(request);
      started.open();
      await answers.opened;
      return response;
    },
    { observer: { ended: ended.open } },
  );
  atEnd(test, async () => {
    await listener.close({ grace: 0 });
    await registry[Symbol.asyncDispose]();
  });
  const files = (): Promise<readonly string[]> => readdir(join(store, 'uploads'));
  return { port: listener.port, ask: asking(app), sessions, started, ended, files };
}

const post = head(['POST /v2/app/blobs/uploads/ HTTP/1.1', 'Content-Length: 0']);

describe('an upload session that a client has asked for', () => {
  it('orphaned-session: an upload session is cancelled when the client leaves before it has the response', async (test) => {
    const answers = new Gate();
    const { port, sessions, started, ended, files } = await stage(test, answers);
    const { socket } = await dial(test, port);
    socket.write(post);
    await started.opened;
    assert.deepEqual([sessions.count(), (await files()).length], [1, 1]);
    socket.destroy();
    // The registry removes the file while it still has the response.
    while ((await files()).length > 0) await setImmediate();
    assert.equal(sessions.count(), 0);
    answers.open();
    await ended.opened;
  });

  it('orphaned-session: an upload session stays for a client that leaves with the response', async (test) => {
    const answers = new Gate();
    answers.open();
    const { port, ask, sessions, ended, files } = await stage(test, answers);
    const { socket, read } = await dial(test, port);
    socket.write(post);
    const [, location = ''] = /location: (\S+)/i.exec(await read(/\r\n\r\n$/)) ?? [];
    socket.destroy();
    await ended.opened;
    assert.equal((await ask('GET', location)).status, 204);
    assert.deepEqual([sessions.count(), (await files()).length], [1, 1]);
  });
});
