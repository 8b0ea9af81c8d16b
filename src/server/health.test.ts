import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { errorAnswer } from '../wire/reply.ts';
import { createApp } from './app.ts';
import { asking, assertRefused } from './ask.test.support.ts';
import type { Serve } from './exchange.ts';
import { withHealth } from './health.ts';
import { withHosts } from './host-header.ts';

const metrics = { text: () => 'answers 42\n' };
const app = createApp(createMemoryRegistry());
const locked: Serve = Object.assign(
  async () =>
    errorAnswer('UNAUTHORIZED', 'who are you?', { headers: { 'www-authenticate': ['Basic realm="x"'] } }),
  { guarded: true },
);

describe('/healthz', () => {
  it('/healthz tells everybody that the registry answers, and nothing else', async () => {
    const ask = asking(withHealth(locked, {}));
    const healthy = await ask('GET', '/healthz?now');
    assert.equal(healthy.status, 200);
    assert.equal(healthy.text, '{"status":"ok"}');
    assert.equal((await ask('HEAD', '/healthz')).bytes.byteLength, 0);
    assertRefused(await ask('POST', '/healthz'), 405, 'UNSUPPORTED');
  });
});

describe('/metrics', () => {
  it('/metrics has the counts in the format of Prometheus', async () => {
    const answer = await asking(withHealth(app, { metrics }))('GET', '/metrics');
    assert.equal(answer.text, 'answers 42\n');
    assert.match(answer.header('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  });

  it('/metrics does not exist without the option', async () => {
    assertRefused(await asking(withHealth(app, {}))('GET', '/metrics'), 404, 'NAME_UNKNOWN');
  });

  it('/metrics is for clients that may request /v2/, and tells the others how to log in', async () => {
    const refused = await asking(withHealth(locked, { metrics }))('GET', '/metrics');
    assertRefused(refused, 401, 'UNAUTHORIZED');
    assert.equal(refused.header('www-authenticate'), 'Basic realm="x"');
  });

  it('/metrics leaves a guarded registry guarded', () => {
    assert.equal(withHosts(withHealth(locked, { metrics })).guarded, true);
    assert.equal(withHosts(withHealth(app, { metrics })).guarded, undefined);
  });
});

describe('the names a registry answers to', () => {
  const ask = asking(withHosts(app, { hosts: ['Registry.example.com'], machine: 'Here' }));
  const names: readonly [host: string, status: number][] = [
    ['localhost:5000', 200],
    ['127.0.0.1:5000', 200],
    ['[::1]:5000', 200],
    ['a.localhost', 200],
    ['a.b.localhost.:5000', 200],
    ['LOCALHOST.', 200],
    ['here:5000', 200],
    ['registry.example.com:5000', 200],
    ['here.local', 421],
    ['kind-registry:5000', 421],
    ['host.docker.internal', 421],
    ['evil', 421],
    ['evil.local', 421],
    ['evil.internal', 421],
    ['evil.test', 421],
    ['evil.lan', 421],
    ['evil.home.arpa', 421],
    ['evillocalhost', 421],
    ['.localhost.evil', 421],
    ['evil.example', 421],
    ['evil.example.:80', 421],
    ['localhost.evil.example:5000', 421],
    ['127.0.0.1.evil.example', 421],
    ['registry.example.com.evil.example', 421],
  ];
  for (const [host, status] of names) {
    it(`lan-name: ${host} is answered with ${status}`, async () => {
      assert.equal((await ask('GET', '/v2/', { headers: { host } })).status, status);
    });
  }

  it('lan-name: of several Host headers each has to be a name of the registry', async () => {
    const response = await withHosts(app)({
      method: 'GET',
      url: '/v2/',
      headers: { host: ['localhost', 'evil.local'] },
      replay: 'never',
    });
    assert.equal(response.status, 421);
  });

  it('a program that names none is served', async () => {
    assert.equal((await ask('GET', '/v2/')).status, 200);
  });
});
