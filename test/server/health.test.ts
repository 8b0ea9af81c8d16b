import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { openRules } from '../../src/server/access/rules-file.ts';
import { createApp } from '../../src/server/app.ts';
import { type Ask, asking, digestText, Gate } from '../../src/server/ask.test.support.ts';
import type { Exchange } from '../../src/server/exchange.ts';
import { withHealth } from '../../src/server/health.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { listen } from '../../src/server/node/listen.ts';
import { createSessions, type Sessions } from '../../src/server/sessions.ts';
import { atEnd } from '../at-end.ts';
import { secret } from '../secret.ts';
import { as, bearing, loginOf, tokenIn } from './access-stage.ts';

function guarded(sessions: Sessions = createSessions()): ReturnType<typeof createApp> {
  const access = createAccess({ login: loginOf(['alice']) });
  const app = createApp(createMemoryRegistry(), { access, sessions });
  return withHealth(app, { metrics: createMetrics() });
}

describe('a registry with a login', () => {
  it('a registry with a login shows its counts to users, and its health to everybody', async () => {
    const ask: Ask = asking(guarded());
    const refused = await ask('GET', '/metrics');
    assert.equal(refused.status, 401);
    assert.ok(refused.header('www-authenticate') !== undefined);
    assert.equal((await ask('GET', '/metrics', as('alice'))).status, 200);
    assert.equal((await ask('GET', '/metrics', as('alice', secret('wrong')))).status, 401);
    assert.equal((await ask('GET', '/healthz')).status, 200);
  });

  it('metrics-for-everybody: the counts are for users only, whatever the rules allow to everybody', async () => {
    for (const allow of ['[pull]', '[pull, create, push, delete]']) {
      const rules = `rules: [{ repositories: ['**'], anonymous: true, allow: ${allow} }]`;
      const access = createAccess({ login: loginOf(['alice']), rules: await openRules(async () => rules) });
      const app = createApp(createMemoryRegistry(), { access });
      const ask = asking(withHealth(app, { metrics: createMetrics() }));
      const anybody = tokenIn(await ask('GET', '/v2/token?scope=registry:catalog:*'));
      for (const options of [{}, bearing(anybody), bearing('none'), as('nobody')]) {
        for (const method of ['GET', 'HEAD', 'POST']) {
          const answer = await ask(method, '/metrics?x=1', options);
          assert.equal(answer.status, 401, `${method} ${JSON.stringify(options)}`);
          assert.ok(answer.header('www-authenticate') !== undefined);
        }
      }
      assert.equal((await ask('GET', '/v2/', bearing(anybody))).status, 200);
      assert.equal((await ask('GET', '/metrics', as('alice'))).status, 200);
      const own = tokenIn(await ask('GET', '/v2/token', as('alice')));
      assert.equal((await ask('GET', '/metrics', bearing(own))).status, 200);
    }
  });

  it('a registry with a login counts the sessions of its users, to their end', async () => {
    const sessions = createSessions();
    const ask = asking(guarded(sessions));
    const start = await ask('POST', '/v2/a/blobs/uploads/', as('alice'));
    assert.equal(sessions.count(), 1);
    const target = `${start.header('location')}?digest=${digestText('x')}`;
    assert.equal((await ask('PUT', target, { ...as('alice'), body: 'x' })).status, 201);
    assert.equal(sessions.count(), 0);
  });

  it('a registry with a login notes the user of each request', async (test) => {
    const seen: Exchange[] = [];
    const both = new Gate();
    const observer = {
      ended(exchange: Exchange) {
        seen.push(exchange);
        if (seen.length === 2) both.open();
      },
    };
    const listener = await listen(guarded(), { observer });
    atEnd(test, () => listener.close({ grace: 0 }));
    await (await fetch(`${listener.url}/v2/_catalog`)).text();
    await (await fetch(`${listener.url}/v2/_catalog`, { headers: { ...as('alice').headers } })).text();
    await both.opened;
    assert.deepEqual(
      seen.map(({ status, note }) => [status, note.user]),
      [
        [401, undefined],
        [200, 'alice'],
      ],
    );
  });
});
