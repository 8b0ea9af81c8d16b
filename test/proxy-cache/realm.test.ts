import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createConnections } from '../../src/client/connections.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createPullThrough } from '../../src/pull-through/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { giveImage } from '../../src/testing/contract/sample.ts';
import type { HttpRequest, Send } from '../../src/wire/message.ts';
import { answer, jsonAnswer } from '../../src/wire/reply.ts';
import { basicOf, secret } from '../secret.ts';

const login = { kind: 'basic', username: 'cache', password: secret('cache') } as const;
const basic = basicOf(login.username, login.password);

interface Scene {
  readonly send: Send;
  readonly asked: readonly HttpRequest[];
}

/** Makes a cache with a login at upstream.example, whose upstream demands tokens of this realm. */
async function cacheOf(realm: string): Promise<Scene> {
  const upstream = createMemoryRegistry();
  await giveImage(upstream.repository('a'), {}, '1');
  const app = createApp(upstream);
  const asked: HttpRequest[] = [];
  const connections = createConnections({
    keychain: async (registry) => (registry === 'upstream.example' ? login : undefined),
    retry: { attempts: 1 },
    async transport(request) {
      asked.push(request);
      if (request.url.startsWith(realm)) {
        const known = request.headers['authorization']?.[0] === basic;
        return known ? jsonAnswer(200, { token: secret('cache-token') }) : answer(401);
      }
      if (request.headers['authorization']?.[0] === `Bearer ${secret('cache-token')}`) return app(request);
      return answer(401, { 'www-authenticate': [`Bearer realm="${realm}",service="upstream.example"`] });
    },
  });
  const through = createPullThrough(
    connections.registry({ registry: 'upstream.example' }),
    createMemoryRegistry(),
  );
  return { send: createApp(through), asked };
}

const request: HttpRequest = { method: 'GET', url: '/v2/a/manifests/1', headers: {}, replay: 'safe' };

it("S15: a cache sends its login to its upstream's own token service", async () => {
  const { send, asked } = await cacheOf('https://auth.upstream.example/token');
  assert.equal((await send(request)).status, 200);
  assert.ok(asked.some(({ headers }) => headers['authorization']?.[0] === basic));
});

for (const realm of [
  'https://elsewhere.example/token',
  'http://auth.upstream.example/token',
  'https://127.0.0.1/token',
]) {
  it(`S15: a cache sends its login to no other token service that the upstream names: ${realm}`, async () => {
    const { send, asked } = await cacheOf(realm);
    const response = await send(request);
    let text = '';
    for await (const chunk of response.body) text += Buffer.from(chunk).toString();
    assert.ok(response.status === 403 || response.status === 502, String(response.status));
    const shown = JSON.stringify(asked.map(({ url, headers }) => [url, headers]));
    assert.ok(!shown.includes(basic.slice('Basic '.length)) && !shown.includes(login.password));
    for (const said of [login.password, 'realm', realm]) {
      assert.ok(!`${text}${JSON.stringify(response.headers)}`.includes(said), said);
    }
  });
}
