import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Client, createClient } from '../../src/client/client.ts';
import { blobOf, give, noise } from '../../src/testing/contract/sample.ts';
import { type StartRegistryOptions, startRegistry, type TestRegistry } from '../../src/testing/index.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { basicOf, secret } from '../secret.ts';
import { createAuthority } from '../tls/authority.ts';

/** The registry for tests of other projects, over real connections as their clients use it. */

const layer = blobOf(noise(1_000_000));
const layerPath = `/v2/a/blobs/${layer.descriptor.digest}`;

async function started(test: TestContext, options: StartRegistryOptions): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  atEnd(test, () => registry.close());
  await give(registry.registry.repository('a'), layer);
  return registry;
}

interface Got {
  readonly status: number | undefined;
  readonly length: number;
  readonly whole: boolean;
}

/** Gets like a client of raw HTTP. `onBytes` receives the number of bytes so far. */
function get(url: string, onBytes: (length: number) => void = () => undefined): Promise<Got> {
  return new Promise((resolve) => {
    let [status, length]: [number | undefined, number] = [undefined, 0];
    const end = (whole: boolean) => resolve({ status, length, whole });
    const asking = request(url, (response) => {
      status = response.statusCode;
      response.on('data', (chunk: Buffer) => {
        length += chunk.byteLength;
        onBytes(length);
      });
      response.on('error', () => end(false)).on('end', () => end(true));
    });
    asking.on('error', () => end(false)).end();
  });
}

describe('a registry with faults', () => {
  it('a registry with a fault cuts the connection after a number of bytes of a response', async (test) => {
    const { url } = await started(test, { faults: [{ effect: { cut: { of: 'answer', after: 300_000 } } }] });
    assert.deepEqual(await get(url + layerPath), { status: 200, length: 300_000, whole: false });
    assert.deepEqual(await get(url + layerPath), { status: 200, length: 1_000_000, whole: true });
  });

  it('a registry with a fault cuts the connection without a response', async (test) => {
    const { url } = await started(test, { faults: [{ effect: { cut: { of: 'answer', after: 0 } } }] });
    assert.deepEqual(await get(url + layerPath), { status: undefined, length: 0, whole: false });
  });

  it('a registry with a stalled response can be closed', async (test) => {
    const registry = await started(test, {
      faults: [{ effect: { stall: { of: 'answer', after: 300_000 } } }],
    });
    const got = await get(registry.url + layerPath, (length) => {
      if (length === 300_000) void registry.close();
    });
    assert.deepEqual(got, { status: 200, length: 300_000, whole: false });
  });

  it('a registry notes every request with its result, in order', async (test) => {
    const registry = await started(test, {
      faults: [
        { when: { path: '/token' }, effect: { status: 200, body: JSON.stringify({ token: secret('t') }) } },
        { when: { method: 'HEAD' }, effect: { cut: { of: 'answer', after: 0 } } },
      ],
    });
    const { url, requests } = registry;
    await fetch(`${url}/token?scope=x`);
    await fetch(`${url}${layerPath}`, { headers: { range: 'bytes=0-9' } });
    await assert.rejects(fetch(`${url}/v2/a/manifests/1`, { method: 'HEAD' }));
    assert.deepEqual(
      requests.map(({ method, url, operation, status }) => [method, url, operation?.kind, status]),
      [
        ['GET', '/token?scope=x', undefined, 200],
        ['GET', layerPath, 'blob.get', 206],
        ['HEAD', '/v2/a/manifests/1', 'manifest.head', undefined],
      ],
    );
    assert.deepEqual(requests[1]?.headers['range'], ['bytes=0-9']);
  });

  it('a registry serves a given certificate', needs('openssl'), async (test) => {
    const authority = await createAuthority(await folder(test));
    const tls = await authority.issue('registry', 'IP:127.0.0.1');
    const registry = await started(test, { tls });
    assert.match(registry.url, /^https:/);
    assert.equal(registry.url, `https://${registry.host}`);
    const client = createClient({ tls: { ca: authority.ca }, keychain: async () => undefined });
    atEnd(test, () => client[Symbol.asyncDispose]());
    const repository = `https://${registry.host}/a`;
    assert.equal(await client.blobExists(repository, layer.descriptor.digest), true);
  });

  it('other machines can reach a registry if its options permit it', async (test) => {
    const registry = await started(test, { host: '0.0.0.0', anonymous: true });
    assert.match(registry.host, /^0\.0\.0\.0:\d+$/);
    await assert.rejects(startRegistry({ host: '0.0.0.0' }), { code: 'INVALID_OPTION' });
  });
});

function asUser(username: string, password: string): Client {
  return createClient({ keychain: async () => ({ kind: 'basic', username, password }) });
}

describe('a registry with a login', () => {
  const login = { users: { alice: secret('alice'), bob: secret('bob') } };

  it('a registry with a login accepts its users, and nobody else', async (test) => {
    const { host } = await started(test, { login });
    await using alice = asUser('alice', secret('alice'));
    assert.equal(await alice.blobExists(`${host}/a`, layer.descriptor.digest), true);
    await using mallory = asUser('alice', secret('guess'));
    await assert.rejects(mallory.exists(`${host}/a:1`), { code: 'UNAUTHORIZED' });
    await using nobody = createClient({ keychain: async () => undefined });
    await assert.rejects(nobody.exists(`${host}/a:1`), { code: 'UNAUTHORIZED' });
  });

  it('a registry with a login has rules for the rights of its users', async (test) => {
    const rules = [{ repositories: ['a'], users: ['alice'], allow: ['pull'] }] as const;
    const { host } = await started(test, { login: { ...login, rules } });
    await using alice = asUser('alice', secret('alice'));
    await using bob = asUser('bob', secret('bob'));
    assert.equal(await alice.blobExists(`${host}/a`, layer.descriptor.digest), true);
    await assert.rejects(bob.blobExists(`${host}/a`, layer.descriptor.digest), { code: 'DENIED' });
  });

  it('the tokens of a registry live for the chosen time', async (test) => {
    const { url } = await started(test, { login: { ...login, tokenLife: 77 } });
    const headers = { authorization: basicOf('alice', secret('alice')) };
    const challenge = (await fetch(`${url}/v2/`)).headers.get('www-authenticate') ?? '';
    const [, realm = ''] = /realm="([^"]+)"/.exec(challenge) ?? [];
    const answer: { readonly expires_in?: number } = JSON.parse(
      await (await fetch(realm, { headers })).text(),
    );
    assert.equal(answer.expires_in, 77);
  });

  it('a registry can end its tokens, and a client gets another', async (test) => {
    const registry = await started(test, { login });
    await using client = asUser('alice', secret('alice'));
    const ask = () => client.blobExists(`${registry.host}/a`, layer.descriptor.digest);
    assert.equal(await ask(), true);
    const before = registry.requests.length;
    registry.expireTokens();
    assert.equal(await ask(), true);
    assert.deepEqual(
      registry.requests.slice(before).map(({ status, operation }) => [operation?.kind, status]),
      [
        ['blob.head', 401],
        [undefined, 200],
        ['blob.head', 200],
      ],
    );
  });
});

describe('the example of a registry in tests', () => {
  it('the example of a registry in tests passes', async () => {
    const file = fileURLToPath(new URL('../../examples/registry-in-tests.js', import.meta.url));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    await promisify(execFile)(process.execPath, [file], { env, timeout: 180_000 });
  });
});
