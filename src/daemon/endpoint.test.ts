import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { digestOf } from '../flow/hash.ts';
import { digestEncoded } from '../spec/digest.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { findEndpoint } from './endpoint.ts';

const system = 'linux';

async function socketAt(test: TestContext, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  atEnd(test, () => server.close());
}

/** Writes a context of docker. */
async function context(config: string, name: string, docker: object): Promise<string> {
  const id = digestEncoded(digestOf(new TextEncoder().encode(name)));
  const meta = join(config, 'contexts', 'meta', id);
  await mkdir(meta, { recursive: true });
  await writeFile(
    join(meta, 'meta.json'),
    JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker } }),
  );
  return join(config, 'contexts', 'tls', id, 'docker');
}

describe('the address of the docker daemon', () => {
  for (const [host, expected] of [
    ['unix:///run/docker.sock', { socket: '/run/docker.sock', base: 'http://docker' }],
    ['tcp://10.0.0.1:2375', { socket: undefined, base: 'http://10.0.0.1:2375' }],
    ['tcp://build', { socket: undefined, base: 'http://build:2375' }],
    ['tcp://build:80/prefix/', { socket: undefined, base: 'http://build/prefix' }],
    ['tcp://[::1]:2375', { socket: undefined, base: 'http://[::1]:2375' }],
    ['https://build', { socket: undefined, base: 'https://build:2376' }],
  ] as const) {
    it(`DOCKER_HOST=${host} leads to ${expected.socket ?? expected.base}.`, async () => {
      const { socket, base } = await findEndpoint({ env: { DOCKER_HOST: host }, system });
      assert.deepEqual({ socket, base }, expected);
    });
  }

  for (const host of ['unix://', 'tcp://', 'docker.sock', 'tcp://me:secret@build', 'fd://', 'tcp://a b']) {
    it(`DOCKER_HOST=${host} is refused.`, async () => {
      await failsWith(findEndpoint({ env: { DOCKER_HOST: host }, system }), 'INVALID_OPTION');
    });
  }

  it('A password in the address does not show.', async () => {
    await assert.rejects(
      findEndpoint({ env: { DOCKER_HOST: 'tcp://me:pass-word@build' }, system }),
      (error) => error instanceof Error && !error.message.includes('pass-word'),
    );
  });

  it('DOCKER_TLS_VERIFY takes the certificates of DOCKER_CERT_PATH, and DOCKER_TLS accepts any server.', async (test) => {
    const path = await folder(test);
    for (const name of ['ca', 'cert', 'key']) await writeFile(join(path, `${name}.pem`), name);
    const env = { DOCKER_HOST: 'tcp://build', DOCKER_CERT_PATH: path };
    const verified = await findEndpoint({ env: { ...env, DOCKER_TLS_VERIFY: '1' }, system });
    assert.equal(verified.base, 'https://build:2376');
    assert.deepEqual(verified.tls, { ca: 'ca', cert: 'cert', key: 'key', onlyCa: true });
    const unverified = await findEndpoint({ env: { ...env, DOCKER_TLS: '1' }, system });
    assert.deepEqual(unverified.tls, {
      ca: 'ca',
      cert: 'cert',
      key: 'key',
      onlyCa: true,
      rejectUnauthorized: false,
    });
  });

  it('A context is chosen by DOCKER_CONTEXT, or by the config file, and DOCKER_HOST comes before both.', async (test) => {
    const config = await folder(test);
    await context(config, 'remote', { Host: 'tcp://remote:1' });
    const tls = await context(config, 'secure', { Host: 'tcp://secure:2', SkipTLSVerify: false });
    await mkdir(tls, { recursive: true });
    await writeFile(join(tls, 'ca.pem'), 'ca');
    await writeFile(join(config, 'config.json'), JSON.stringify({ currentContext: 'secure' }));
    const env = { DOCKER_CONFIG: config };
    const current = await findEndpoint({ env, system });
    assert.equal(current.base, 'https://secure:2');
    assert.deepEqual(current.tls, { ca: 'ca', cert: undefined, key: undefined, onlyCa: true });
    const chosen = await findEndpoint({ env: { ...env, DOCKER_CONTEXT: 'remote' }, system });
    assert.equal(chosen.base, 'http://remote:1');
    const given = await findEndpoint({
      env: { ...env, DOCKER_CONTEXT: 'remote', DOCKER_HOST: 'tcp://host:3' },
      system,
    });
    assert.equal(given.base, 'http://host:3');
    await failsWith(findEndpoint({ env: { ...env, DOCKER_CONTEXT: 'nowhere' }, system }), 'INVALID_OPTION');
  });

  it('SkipTLSVerify in a context takes any certificate, with the own ones if there are any.', async (test) => {
    const config = await folder(test);
    const tls = await context(config, 'lab', { Host: 'tcp://lab', SkipTLSVerify: true });
    const find = () => findEndpoint({ env: { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'lab' }, system });
    const { base, tls: bare } = await find();
    assert.deepEqual([base, bare?.rejectUnauthorized, bare?.cert], ['https://lab:2376', false, undefined]);
    await mkdir(tls, { recursive: true });
    await writeFile(join(tls, 'cert.pem'), 'cert');
    const { tls: own } = await find();
    assert.deepEqual([own?.rejectUnauthorized, own?.cert], [false, 'cert']);
  });

  it('A context that cannot be read is refused with the file.', async (test) => {
    const config = await folder(test);
    await context(config, 'broken', {});
    await assert.rejects(
      findEndpoint({ env: { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'broken' }, system }),
      /meta\.json/,
    );
  });

  it("Without a setting it is the first default socket that exists: docker's, rootless docker's, or podman's.", async (test) => {
    const runtime = await folder(test);
    const env = { DOCKER_CONFIG: runtime, HOME: runtime, XDG_RUNTIME_DIR: runtime };
    await socketAt(test, join(runtime, 'podman/podman.sock'));
    const ofMachine = existsSync('/var/run/docker.sock') ? '/var/run/docker.sock' : undefined;
    assert.equal(
      (await findEndpoint({ env, system })).socket,
      ofMachine ?? join(runtime, 'podman/podman.sock'),
    );
    await socketAt(test, join(runtime, 'docker.sock'));
    assert.equal((await findEndpoint({ env, system })).socket, ofMachine ?? join(runtime, 'docker.sock'));
  });

  it('On Windows it is the named pipe of docker.', async () => {
    const { socket } = await findEndpoint({ env: { DOCKER_CONFIG: '/nowhere' }, system: 'win32' });
    assert.equal(socket, '\\\\.\\pipe\\docker_engine');
  });

  it('The given address comes before all variables.', async () => {
    const { base } = await findEndpoint({
      host: 'tcp://given:1',
      env: { DOCKER_HOST: 'tcp://other:2' },
      system,
    });
    assert.equal(base, 'http://given:1');
  });
});
