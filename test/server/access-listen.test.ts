import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { connect } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { connect as connectSecurely } from 'node:tls';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, type ListenOptions, listen } from '../../src/server/node/listen.ts';
import { atEnd } from '../at-end.ts';
import { needs } from '../peer.ts';
import { secret } from '../secret.ts';
import { type Certificate, createAuthority } from '../tls/authority.ts';
import { loginOf } from './access-stage.ts';

const open = createApp(createMemoryRegistry());
const guarded = createApp(createMemoryRegistry(), { access: createAccess({ login: loginOf(['alice']) }) });

async function started(test: TestContext, app: typeof open, options: ListenOptions): Promise<Listener> {
  const listener = await listen(app, options);
  atEnd(test, () => listener.close({ grace: 0 }));
  return listener;
}

interface Answer {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
}

function get(url: string, options: RequestOptions = {}): Promise<Answer> {
  const send = url.startsWith('https:') ? request : plainRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { ...options, agent: false }, (incoming) => {
      incoming.resume();
      resolve({ status: incoming.statusCode, challenge: incoming.headers['www-authenticate'] });
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

describe('a listener beyond this machine', () => {
  for (const host of [
    '0.0.0.0',
    '::',
    '192.0.2.1',
    'registry.example',
    '::ffff:127.0.0.1',
    '127.0.0.1.example',
  ]) {
    it(`a listener at ${host} is refused without a login`, async () => {
      await assert.rejects(listen(open, { host }), { code: 'INVALID_OPTION' });
    });
  }

  it('a listener for other machines opens without a login if anonymous permits it, and checks no name', async (test) => {
    const { port } = await started(test, open, { host: '0.0.0.0', anonymous: true });
    const headers = { host: 'registry.example' };
    assert.equal((await get(`http://127.0.0.1:${port}/v2/`, { headers })).status, 200);
  });

  it('a listener for other machines opens with a login', async (test) => {
    const { port } = await started(test, guarded, { host: '0.0.0.0' });
    assert.equal((await get(`http://127.0.0.1:${port}/v2/`)).status, 401);
  });
});

describe('a listener of this machine', () => {
  const rows: readonly [host: string, status: number][] = [
    ['localhost', 200],
    ['127.0.0.1', 200],
    ['[::1]', 200],
    [hostname(), 200],
    ['known.example', 200],
    ['registry', 421],
    ['registry.local', 421],
    ['host.docker.internal', 421],
    ['rebound.example', 421],
    ['localhost.rebound.example', 421],
  ];
  for (const [host, status] of rows) {
    it(`a listener of this machine without a login answers ${status} under the name ${host}`, async (test) => {
      const { url, port } = await started(test, open, { hosts: ['known.example'] });
      const headers = { host: `${host}:${port}` };
      assert.equal((await get(`${url}/v2/`, { headers })).status, status);
    });
  }

  it('a listener of this machine with a login asks for it under any name, and names a realm by its own name only', async (test) => {
    const { url, port } = await started(test, guarded, {});
    const challengeOf = async (host: string): Promise<string | undefined> =>
      (await get(`${url}/v2/`, { headers: { host } })).challenge;
    assert.equal(
      await challengeOf(`localhost:${port}`),
      `Bearer realm="http://localhost:${port}/v2/token",service="gantry"`,
    );
    assert.match((await challengeOf('registry.example')) ?? '', /^Basic /);
  });
});

describe('a listener over TLS', needs('openssl'), () => {
  let folder: string;
  let identity: Certificate;
  let ca: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-tls-'));
    const authority = await createAuthority(folder);
    ({ ca } = authority);
    identity = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('a listener over TLS has an https address, serves, and names it in its realm', async (test) => {
    const { url } = await started(test, guarded, { tls: identity });
    assert.match(url, /^https:/);
    const { status, challenge } = await get(`${url}/v2/`, { ca });
    assert.deepEqual([status, challenge], [401, `Bearer realm="${url}/v2/token",service="gantry"`]);
    await assert.rejects(get(`${url}/v2/`), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  it('a listener over TLS takes the certificate as bytes, too', async (test) => {
    const [cert, key] = [Buffer.from(identity.cert), Buffer.from(identity.key)];
    const { url } = await started(test, open, { tls: { cert, key } });
    assert.equal((await get(`${url}/v2/`, { ca })).status, 200);
  });

  it('a listener over TLS speaks no TLS before 1.2', async (test) => {
    const { port } = await started(test, open, { tls: identity });
    const socket = connectSecurely({
      port,
      ca,
      host: '127.0.0.1',
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL@SECLEVEL=0',
    });
    const [error]: unknown[] = await once(socket, 'error');
    assert.ok(error instanceof Error);
  });

  it('a listener over TLS ends at once with its idle connections, silent ones included', async () => {
    const listener = await listen(open, { tls: identity });
    const silent = connect(listener.port, '127.0.0.1');
    const idle = connectSecurely({ port: listener.port, ca, host: '127.0.0.1' });
    await Promise.all([once(silent, 'connect'), once(idle, 'secureConnect')]);
    // The server can end only connections that it has accepted.
    assert.equal((await get(`${listener.url}/v2/`, { ca })).status, 200);
    const ended = Promise.all([once(silent, 'close'), once(idle, 'close')]);
    silent.resume();
    idle.resume();
    await listener.close();
    await ended;
  });

  it('a listener over TLS answers nothing to a client that speaks plain HTTP, and goes on', async (test) => {
    const { url, port } = await started(test, open, { tls: identity });
    await assert.rejects(get(`http://127.0.0.1:${port}/v2/`));
    assert.equal((await get(`${url}/v2/`, { ca })).status, 200);
  });

  const wrong: readonly [
    what: string,
    make: (identity: Certificate) => Readonly<Record<'cert' | 'key', string>>,
  ][] = [
    ['no certificate', ({ key }) => ({ cert: '', key })],
    ['no key', ({ cert }) => ({ cert, key: '' })],
    ['a certificate that is none', ({ key }) => ({ cert: secret('no certificate'), key })],
    ['a certificate that is damaged', ({ cert, key }) => ({ cert: cert.replace(/\n.{10}/, '\n'), key })],
    ['the certificate of another key', ({ key }) => ({ cert: ca, key })],
    ['certificate and key exchanged', ({ cert, key }) => ({ cert: key, key: cert })],
  ];
  for (const [what, make] of wrong) {
    it(`a listener over TLS is refused with ${what}`, async () => {
      await assert.rejects(listen(open, { tls: make(identity) }), { code: 'INVALID_OPTION' });
    });
  }
});
