import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { createImage } from '../../src/image/create.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';
import { createAuthority } from '../tls/authority.ts';

/** A registry on this machine may require TLS, and a reference without a scheme does not tell. */

const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });

function clientOf(test: TestContext, options: ClientOptions) {
  const retry = { attempts: 1 };
  const client = createClient({
    keychain: async () => undefined,
    retry: { ...retry, uploads: retry, downloads: retry },
    ...options,
  });
  atEnd(test, () => client[Symbol.asyncDispose]());
  return client;
}

async function secureRegistry(test: TestContext) {
  const authority = await createAuthority(await folder(test));
  const { cert, key } = await authority.issue('local', 'IP:127.0.0.1,DNS:localhost');
  const registry = await startRegistry({ tls: { cert, key } });
  atEnd(test, () => registry.close());
  return { authority, host: registry.host, registry };
}

/** Starts a server in front of one with TLS: it answers plain HTTP itself, as servers in Go do. */
async function saying400(test: TestContext, host: string): Promise<string> {
  const [, port = ''] = host.split(':');
  const front = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (start) => {
      if (start[0] !== 0x16) {
        socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
        return;
      }
      const behind = net.connect(Number(port), '127.0.0.1');
      behind.on('error', () => socket.destroy());
      behind.write(start);
      socket.pipe(behind).pipe(socket);
    });
  });
  return `127.0.0.1:${await listening(test, front)}`;
}

describe('a registry on this machine that speaks TLS', () => {
  it('tls-on-loopback: gantry speaks TLS to a registry that ends plain connections, if the reference has no scheme', async (test) => {
    const { authority, host, registry } = await secureRegistry(test);
    const client = clientOf(test, { tls: { ca: authority.ca } });
    const pushed = await client.pushImage(`${host}/app:1`, image);
    assert.equal((await registry.registry.repository('app').manifests.resolve('1'))?.digest, pushed.digest);
    assert.equal((await client.getDescriptor(`${host}/app:1`)).digest, pushed.digest);
  });

  it('tls-on-loopback: gantry speaks TLS to a registry that answers plain HTTP with 400', async (test) => {
    const { authority, host } = await secureRegistry(test);
    const front = await saying400(test, host);
    const client = clientOf(test, { tls: { ca: authority.ca } });
    const pushed = await client.pushImage(`${front}/app:1`, image);
    assert.equal((await client.getDescriptor(`${front}/app:1`)).digest, pushed.digest);
  });

  it('tls-on-loopback: gantry speaks TLS at once to a registry in certs.d', async (test) => {
    const { authority, host } = await secureRegistry(test);
    const home = await folder(test);
    const certs = join(home, '.docker', 'certs.d', host);
    await mkdir(certs, { recursive: true });
    await writeFile(join(certs, 'ca.crt'), authority.ca);
    const before = process.env['HOME'];
    process.env['HOME'] = home;
    atEnd(test, () => {
      if (before === undefined) delete process.env['HOME'];
      else process.env['HOME'] = before;
    });
    const asked: string[] = [];
    const client = clientOf(test, {
      onWire: (event) => {
        if (event.kind === 'request') asked.push(event.url);
      },
    });
    await client.pushImage(`${host}/app:1`, image);
    assert.ok(asked.length > 0);
  });

  it('tls-on-loopback: an untrusted certificate is an error that mentions https', async (test) => {
    const { host } = await secureRegistry(test);
    await assert.rejects(
      clientOf(test, {}).getManifest(`${host}/app:1`),
      (error) => isGantryError(error, 'NO_CONNECTION') && error.message.includes(`https://${host}`),
    );
  });

  it('tls-on-loopback: a registry in plain HTTP and one that is not there fail as before', async (test) => {
    await using registry = await startRegistry();
    const client = clientOf(test, {});
    await assert.rejects(client.getManifest(`${registry.host}/app:1`), { code: 'MANIFEST_UNKNOWN' });
    const hangsUp = net.createServer((socket) => socket.destroy());
    const port = await listening(test, hangsUp);
    await assert.rejects(client.getManifest(`127.0.0.1:${port}/app:1`), { code: 'CUT_OFF' });
  });
});
