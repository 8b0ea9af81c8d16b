import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hash } from 'bcryptjs';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { type AccessOptions, createAccess } from '../../src/server/access/access.ts';
import { openHtpasswd } from '../../src/server/access/htpasswd.ts';
import { createApp } from '../../src/server/app.ts';
import { dial, head } from '../../src/server/node/dial.test.support.ts';
import { listen } from '../../src/server/node/listen.ts';
import { atEnd } from '../at-end.ts';
import { basicOf, secret } from '../secret.ts';
import { loginOf, passwordOf, standingClock } from './access-stage.ts';
import { statusOf } from './rows-stage.ts';

async function served(test: TestContext, options: AccessOptions): Promise<{ url: string; port: number }> {
  const app = createApp(createMemoryRegistry(), { access: createAccess(options) });
  const listener = await listen(app);
  atEnd(test, () => listener.close({ grace: 0 }));
  return listener;
}

function statusWith(url: string, password: string): Promise<number> {
  const headers = { authorization: basicOf('alice', password) };
  return fetch(`${url}/v2/`, { headers }).then(async (answer) => {
    await answer.arrayBuffer();
    return answer.status;
  });
}

describe('a registry whose passwords are guessed', () => {
  it('guess-lockout: the right password gets in at its first try, while others guess from the same address', async (test) => {
    const text = `alice:${await hash(passwordOf('alice'), 4)}`;
    const { url } = await served(test, {
      login: await openHtpasswd(async () => text),
      clock: standingClock(),
    });
    const all = { over: false, guessed: 0 };
    const guesser = async (): Promise<void> => {
      while (!all.over) assert.equal(await statusWith(url, secret(`guess-${all.guessed++}`)), 401);
    };
    const guessers = Array.from({ length: 60 }, guesser);
    while (all.guessed < 200) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await statusWith(url, passwordOf('alice')), 200);
    all.over = true;
    await Promise.all(guessers);
  });

  it('drip-before-login: the token service waits a limited time for a form, and ends the connection', async (test) => {
    const { port } = await served(test, { login: loginOf(['alice']), formTime: 50 });
    const { socket, read } = await dial(test, port);
    const form = 'grant_type=password&username=alice&password=';
    socket.write(`${head(['POST /v2/token HTTP/1.1', 'Content-Length: 1000'])}${form}`);
    const drip = setInterval(() => socket.write('x'), 10);
    atEnd(test, () => clearInterval(drip));
    const answer = await read();
    assert.equal(statusOf(answer), 408);
    assert.match(answer, /\r\nconnection: close\r\n/i);
  });

  it('drip-before-login: after a response the server waits a limited time for the body, and ends the connection', async (test) => {
    const { port } = await served(test, { login: loginOf(['alice']) });
    const { socket, read } = await dial(test, port);
    socket.write(head(['PUT /v2/a/manifests/v1 HTTP/1.1', 'Content-Length: 1000']));
    assert.equal(statusOf(await read(/\}\]\}$/)), 401);
    const drip = setInterval(() => socket.write('x'), 10);
    atEnd(test, () => clearInterval(drip));
    // Ends with the connection, also if a drip meets a reset.
    await read();
  });
});
