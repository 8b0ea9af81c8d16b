import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import { digestOf } from '../../src/flow/hash.ts';
import { digestEncoded } from '../../src/spec/digest.ts';
import { atEnd } from '../at-end.ts';
import { type Ended, gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';
import { needs } from '../peer.ts';
import { createAuthority } from '../tls/authority.ts';
import { type Stage, stage } from './stage.ts';

interface Scene extends Stage {
  /** `tcp://localhost:40000` */
  readonly address: string;
  /** Has ca.pem, cert.pem and key.pem. */
  readonly certificates: string;
  readonly inspect: (env: NodeJS.ProcessEnv) => Promise<Ended>;
}

/** A daemon behind TLS that demands a certificate of its clients, as docker's documentation sets it up. */
async function scene(test: TestContext): Promise<Scene> {
  const at = await stage(test);
  await at.client.copy(`${at.app}:1`, 'docker-daemon:app:1');
  const certificates = await folder(test);
  const authority = await createAuthority(await folder(test));
  const server = await authority.issue('server', 'DNS:localhost');
  const client = await authority.issue('client', 'DNS:client');
  await copyFile(authority.caFile, join(certificates, 'ca.pem'));
  await copyFile(client.certFile, join(certificates, 'cert.pem'));
  await copyFile(client.keyFile, join(certificates, 'key.pem'));
  const front = createServer(
    { cert: server.cert, key: server.key, ca: authority.ca, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      const behind = connect(at.daemon.host.replace('unix://', ''));
      socket.on('error', () => behind.destroy());
      behind.on('error', () => socket.destroy());
      socket.pipe(behind).pipe(socket);
      atEnd(test, () => behind.destroy());
    },
  );
  front.on('tlsClientError', () => undefined);
  const port = await listening(test, front);
  return {
    ...at,
    address: `tcp://localhost:${port}`,
    certificates,
    inspect: (env) => gantry(['inspect', 'docker-daemon:app:1'], { env }),
  };
}

describe('a docker daemon behind TLS', needs('openssl'), () => {
  it('DOCKER_TLS_VERIFY and DOCKER_CERT_PATH lead to it, and nothing is asked without a certificate that fits.', async (test) => {
    const { address, certificates, inspect } = await scene(test);
    const env = { DOCKER_HOST: address, DOCKER_TLS_VERIFY: '1' };
    const { code, stderr } = await inspect({ ...env, DOCKER_CERT_PATH: certificates });
    assert.equal(code, 0, stderr);
    const unknown = await inspect({ ...env, DOCKER_CERT_PATH: await folder(test) });
    assert.equal(unknown.code, 5);
    assert.match(unknown.stderr, /tcp:\/\/localhost.*\(DOCKER_HOST\).*authority/);
    const plain = await inspect({ DOCKER_HOST: address });
    assert.equal(plain.code, 5, plain.stderr);
  });

  it('A context of docker brings its address and its certificates along.', async (test) => {
    const { address, certificates, inspect } = await scene(test);
    const config = await folder(test);
    const id = digestEncoded(digestOf(new TextEncoder().encode('remote')));
    const meta = join(config, 'contexts', 'meta', id, 'meta.json');
    const tls = join(config, 'contexts', 'tls', id, 'docker');
    await mkdir(dirname(meta), { recursive: true });
    await mkdir(tls, { recursive: true });
    await writeFile(meta, JSON.stringify({ Name: 'remote', Endpoints: { docker: { Host: address } } }));
    for (const name of ['ca.pem', 'cert.pem', 'key.pem'])
      await copyFile(join(certificates, name), join(tls, name));
    const { code, stderr } = await inspect({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'remote' });
    assert.equal(code, 0, stderr);
  });
});
