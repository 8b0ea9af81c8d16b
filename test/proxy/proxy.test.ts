import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { type Ended, gantry } from '../cli/gantry.ts';
import { needs } from '../peer.ts';
import { gzipLayer, imageOf, saveLayout } from '../peers/images.ts';
import { secret } from '../secret.ts';
import { type Authority, createAuthority } from '../tls/authority.ts';
import { type Front, startFront } from '../tls/front.ts';
import { type ConnectProxy, startProxy } from './connect-proxy.ts';

/** A registry with users that is reachable only through a proxy with a password, since nothing else knows its name. */

const user = 'someone';
const password = secret('distribution: of tests');
/** A line in the form of `htpasswd -B`: bcrypt of the password at its lowest cost. */
const htpasswd = `${user}:$2b$04$4dr3QzWwkoBWMf99IppMaOqVumfQ0SYqY8iCYxqL/tme9NW3VtSC.\n`;
const login = `carrier:${secret('proxy@:more')}`;
const escaped = `carrier:${encodeURIComponent(secret('proxy@:more'))}`;
const noConnection = 5;

describe('docker-registry behind a proxy with a password', needs('docker-registry'), () => {
  let folder = '';
  let authority: Authority;
  let registry: RunningRegistry;
  let front: Front;
  let tunnel: ConnectProxy;
  let carrier: ConnectProxy;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-proxy-'));
    await saveLayout(await imageOf('amd64', [await gzipLayer('far away')]), join(folder, 'layout'));
    registry = await startDistribution({ htpasswd });
    authority = await createAuthority(folder);
    front = await startFront(registry.host, await authority.issue('registry', 'DNS:registry.example'));
    tunnel = await startProxy(`127.0.0.1:${front.port}`, login);
    carrier = await startProxy(registry.host, login);
  });
  after(async () => {
    for (const part of [tunnel, carrier, front, registry]) await part[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> =>
    gantry([...args, '--cacert', authority.caFile], {
      input: password,
      env: { HOME: folder, DOCKER_CONFIG: join(folder, '.docker'), ...env },
    });

  it('a registry behind a proxy takes a login, a push and a pull through a tunnel', async () => {
    const env = { HTTPS_PROXY: through(tunnel) };
    const name = 'registry.example:5000/acme/app:v1';
    for (const args of [
      ['auth', 'login', 'registry.example:5000', '-u', user, '--password-stdin'],
      ['push', join(folder, 'layout'), name],
      ['pull', name, join(folder, 'image.tar')],
    ]) {
      const { code, stderr } = await run(args, env);
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual([...new Set(tunnel.asked)], ['CONNECT registry.example:5000']);
  });

  it('a registry is reachable through a proxy with TLS', async () => {
    const proxied = await authority.issue('proxy', 'DNS:localhost');
    for (const [proxy, variable, name] of [
      [tunnel, 'HTTPS_PROXY', 'registry.example:5000'],
      [carrier, 'HTTP_PROXY', 'http://registry.example:5000'],
    ] as const) {
      await using wrapped = await startFront(proxy.host, proxied);
      const args = ['catalog', name, '--username', user, '--password-stdin'];
      const { code, stderr } = await run(args, {
        [variable]: `https://${escaped}@localhost:${wrapped.port}`,
      });
      assert.equal(code, 0, stderr);
    }
  });

  it('a push in plain HTTP goes through the proxy with whole addresses, if plain HTTP is permitted', async () => {
    const name = 'http://registry.example:5000/acme/plain:v1';
    const args = ['push', join(folder, 'layout'), name, '--username', user, '--password-stdin'];
    const { code, stderr } = await run(args, { http_proxy: through(carrier) });
    assert.equal(code, 0, stderr);
    assert.ok(carrier.asked.every((line) => /^[A-Z]+ http:\/\/registry\.example:5000\/v2\//.test(line)));
    assert.ok(carrier.asked.length > 3);
  });

  it('a wrong password fails at the proxy, and -v does not show it', async () => {
    const env = { HTTPS_PROXY: through(tunnel, 'carrier:hidden-word') };
    const { code, stderr } = await run(['digest', 'registry.example:5000/acme/app:v1', '-v'], env);
    assert.equal(code, noConnection, stderr);
    assert.ok(tunnel.asked.at(-1)?.endsWith(' 407'));
    const secret = Buffer.from('carrier:hidden-word').toString('base64');
    assert.ok(!stderr.includes('hidden-word') && !stderr.includes(secret));
  });

  it('-v shows no password of a proxy when all goes well', async () => {
    const name = 'registry.example:5000/acme/app:v1';
    const { stderr } = await run(['digest', name, '-v'], { ALL_PROXY: through(tunnel) });
    for (const secret of [escaped, login, Buffer.from(login).toString('base64')]) {
      assert.ok(!stderr.includes(secret));
    }
  });

  it('NO_PROXY makes gantry connect directly, where it finds nothing', async () => {
    const before = tunnel.asked.length;
    for (const list of ['registry.example', '.example', '*', 'registry.example:5000']) {
      const env = { HTTPS_PROXY: through(tunnel), NO_PROXY: list };
      assert.equal((await run(['digest', 'registry.example:5000/acme/app:v1'], env)).code, noConnection);
    }
    assert.equal(tunnel.asked.length, before);
  });

  it('a proxy that is missing or broken is an error', async () => {
    const name = 'registry.example:5000/acme/app:v1';
    const gone = await startProxy(registry.host, login);
    await gone[Symbol.asyncDispose]();
    assert.equal((await run(['digest', name], { HTTPS_PROXY: through(gone) })).code, noConnection);
    assert.equal((await run(['digest', name], { HTTPS_PROXY: 'socks5://x' })).code, 2);
  });

  it('requests to loopback never go through a proxy', async () => {
    const { port } = new URL(`http://${registry.host}`);
    const before = carrier.asked.length;
    const args = ['catalog', `localhost:${port}`, '--username', user, '--password-stdin'];
    assert.equal((await run(args, { HTTP_PROXY: through(carrier), ALL_PROXY: through(carrier) })).code, 0);
    assert.equal(carrier.asked.length, before);
  });
});

function through({ host }: ConnectProxy, as = escaped): string {
  return `http://${as}@${host}`;
}
