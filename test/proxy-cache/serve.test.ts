import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { blobOf, give, noise } from '../../src/testing/contract/sample.ts';
import { type Fault, startRegistry } from '../../src/testing/index.ts';
import { atEnd } from '../at-end.ts';
import { gantry, startGantry } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { startGuarded } from '../login/guarded.ts';
import { needs } from '../peer.ts';
import { startProxy } from '../proxy/connect-proxy.ts';
import { secret } from '../secret.ts';
import { createAuthority } from '../tls/authority.ts';

/** `gantry serve --proxy` as a process between a registry and its clients. */

interface Cache {
  readonly host: string;
  readonly child: ChildProcess;
  readonly said: () => string;
}

async function serve(
  test: TestContext,
  args: readonly string[],
  { env = {}, input = '' }: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Cache> {
  const child = startGantry(['serve', ...args], { env });
  atEnd(test, () => child.kill('SIGKILL'));
  child.stdin?.end(input);
  let said = '';
  const host = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      said += String(chunk);
      const [, found] = /serving on port \d+: http:\/\/([^\s,]+), a cache of /.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once('close', () => reject(new Error(`it ended without serving: ${said}`)));
  });
  return { host, child, said: () => said };
}

async function stop({ child }: Cache): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}

describe('gantry serve --proxy', () => {
  it('a cache keeps pulled content on disk, and serves it alone when the upstream is gone', async (test) => {
    const upstream = await startRegistry();
    atEnd(test, () => upstream.close());
    const { digest } = await store(upstream.registry, 'acme/app', ['1'], await makeImage('hello'));
    const home = await folder(test);
    const args = ['--proxy', upstream.host, '--disk', join(home, 'store')];
    const first = await serve(test, args);
    const pulled = await gantry(['pull', `${first.host}/acme/app:1`, join(home, 'first.tar')]);
    assert.equal(pulled.code, 0, pulled.stderr);
    await stop(first);
    await upstream.close();

    const second = await serve(test, args);
    const again = await gantry(['pull', `${second.host}/acme/app:1`, join(home, 'second.tar')]);
    assert.equal(again.code, 0, again.stderr);
    assert.equal((await gantry(['digest', `${second.host}/acme/app:1`])).stdout, `${digest}\n`);
    assert.equal((await gantry(['ls', `${second.host}/acme/app`])).stdout, '1\n');
    // Neither tag exists, but only the upstream could tell.
    assert.equal((await gantry(['digest', `${second.host}/acme/app:2`])).code, 1);
    assert.ok(second.said().includes('answered from the cache'));
  });

  it('a cache that is killed during a fetch has nothing of it, and fetches it anew', async (test) => {
    const layer = blobOf(noise(4_000_000));
    const stall: Fault = {
      when: { operation: 'blob.get' },
      effect: { stall: { of: 'answer', after: 3_000_000 } },
    };
    await using upstream = await startRegistry({ faults: [stall] });
    await give(upstream.registry.repository('a'), layer);
    const disk = join(await folder(test), 'store');
    const args = ['--proxy', upstream.host, '--disk', disk];
    const path = `/v2/a/blobs/${layer.descriptor.digest}`;
    const first = await serve(test, args);
    const reader = (await fetch(`http://${first.host}${path}`)).body?.getReader();
    assert.equal((await reader?.read())?.done, false);
    const closed = once(first.child, 'close');
    first.child.kill('SIGKILL');
    await closed;

    const second = await serve(test, args);
    const whole = await (await fetch(`http://${second.host}${path}`)).arrayBuffer();
    assert.ok(Buffer.from(whole).equals(layer.bytes));
    await stop(second);
    const checked = await gantry(['registry', 'check', '--sparse', disk]);
    assert.equal(checked.code, 0, checked.stderr + checked.stdout);
  });

  it('a cache accepts no push', async (test) => {
    await using upstream = await startRegistry();
    const image = await makeImage('hello');
    await store(upstream.registry, 'a', ['1'], image);
    const { host } = await serve(test, ['--proxy', upstream.host]);
    const { code } = await gantry(['copy', `${upstream.host}/a:1`, `${host}/b:1`]);
    assert.equal(code, 1);
    assert.deepEqual(
      [...new Set(upstream.requests.map(({ method }) => method))].filter((method) => method !== 'GET'),
      ['HEAD'],
    );
  });

  it('a cache requests a tag once within --proxy-ttl', async (test) => {
    await using upstream = await startRegistry();
    await store(upstream.registry, 'a', ['1'], await makeImage('hello'));
    const { host } = await serve(test, ['--proxy', upstream.host, '--proxy-ttl', '3600']);
    for (let count = 0; count < 3; count++) await gantry(['digest', `${host}/a:1`]);
    assert.deepEqual(
      upstream.requests.map(({ operation }) => operation?.kind),
      ['manifest.head'],
    );
  });

  it('a cache logs in at the upstream with the given login, and shows it to nobody', async (test) => {
    const upstream = await startGuarded(test, (who) => who === 'me:hidden-word');
    await store(upstream.registry, 'a', ['1'], await makeImage('hello'));
    const login = ['--username', 'me', '--password-stdin'];
    const cache = await serve(test, ['--proxy', upstream.host, ...login, '-v'], { input: 'hidden-word\n' });
    const answer = await fetch(`http://${cache.host}/v2/a/manifests/1`);
    const seen = `${JSON.stringify([...answer.headers])}${await answer.text()}`;
    assert.equal(answer.status, 200);
    assert.deepEqual([...upstream.shown], ['me:hidden-word']);
    await stop(cache);
    for (const secret of ['hidden-word', Buffer.from('me:hidden-word').toString('base64'), 'guarded']) {
      assert.ok(!seen.includes(secret), secret);
      assert.ok(!cache.said().replaceAll('realm="guarded"', '').includes(secret), secret);
    }
  });

  it('a cache logs in at the upstream with the keychain', async (test) => {
    const upstream = await startGuarded(test, (who) => who === 'me:hidden-word');
    await store(upstream.registry, 'a', ['1'], await makeImage('hello'));
    const auth = Buffer.from('me:hidden-word').toString('base64');
    const { host } = await serve(test, ['--proxy', upstream.host], {
      env: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [upstream.host]: { auth } } }) },
    });
    assert.equal((await fetch(`http://${host}/v2/a/manifests/1`)).status, 200);
  });

  it('a cache logs a refusal of its upstream, and tells its clients no more than that', async (test) => {
    const upstream = await startGuarded(test, () => false);
    const cache = await serve(test, ['--proxy', upstream.host]);
    const answer = await fetch(`http://${cache.host}/v2/a/manifests/1`);
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('www-authenticate'), null);
    await stop(cache);
    assert.ok(cache.said().includes(`${upstream.host}: manifest a 1: `), cache.said());
  });

  it('a cache of Docker Hub accepts its short names', needs('openssl'), async (test) => {
    const home = await folder(test);
    const authority = await createAuthority(home);
    const tls = await authority.issue('hub', 'DNS:registry-1.docker.io');
    await using hub = await startRegistry({ tls, hosts: ['registry-1.docker.io'] });
    const { digest } = await store(hub.registry, 'library/alpine', ['3'], await makeImage('hello'));
    await using way = await startProxy(hub.host, `user:${secret('way')}`);
    const { host } = await serve(test, ['--proxy', 'docker.io', '--cacert', authority.caFile], {
      env: { HTTPS_PROXY: `http://user:${secret('way')}@${way.host}` },
    });
    for (const name of ['alpine', 'library/alpine']) {
      const found = await gantry(['digest', `${host}/${name}:3`]);
      assert.equal(found.stdout, `${digest}\n`, found.stderr);
    }
    assert.ok(way.asked.includes('CONNECT registry-1.docker.io:443'));
  });

  const refused: readonly [name: string, args: readonly string[]][] = [
    ['a time without a registry', ['--proxy-ttl', '5']],
    ['a time that is none', ['--proxy', 'registry.test', '--proxy-ttl', 'soon']],
    ['what is no registry', ['--proxy', 'no registry']],
  ];
  for (const [name, args] of refused) {
    it(`serve --proxy refuses ${name}`, async () => {
      const { code, stderr } = await gantry(['serve', ...args]);
      assert.equal(code, 2, stderr);
    });
  }
});
