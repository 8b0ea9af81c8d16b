import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { after, describe, it } from 'node:test';
import tls, { type SecureVersion, TLSSocket } from 'node:tls';
import { listenAnywhere } from '../../../bench/support/listen.ts';
import { atEnd } from '../../../test/at-end.ts';
import { alsoSecret } from '../../../test/secret.ts';
import { isGantryError } from '../../errors.ts';
import type { HttpRequest } from '../../wire/message.ts';
import type { Transport } from '../transport.ts';
import type { TlsOptions } from './tls.ts';
import { createNodeTransport } from './transport.ts';

/** Made for this test only: a self-signed certificate for localhost and 127.0.0.1, valid until 2126. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjZJHDxMiFI486iHo
ollbQNCGPPLoL8obBXvvvPQVM8OhRANCAASWH4GaarR5yOjM/VJLeNuBYGxL0x4r
bHECkV7GBs8qSdcdf959sRD958qYaQ/SpzYYosaawzvGEkZyPIM+JZo6
-----END PRIVATE KEY-----
`;
alsoSecret(key.split('\n')[2] ?? key);
const cert = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUNCZiG+xDQ+lIUC01q5N8ia/rJK8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA1NTA1MloYDzIxMjYxMDI5
MDU1MDUyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASWH4GaarR5yOjM/VJLeNuBYGxL0x4rbHECkV7GBs8qSdcdf959sRD9
58qYaQ/SpzYYosaawzvGEkZyPIM+JZo6o28wbTAdBgNVHQ4EFgQUdUDEw7yn10r0
4iODiuxGOKAX6B8wHwYDVR0jBBgwFoAUdUDEw7yn10r04iODiuxGOKAX6B8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgQWASslufZvyWLtrgd98YShyXHxBVzfjvHk6UzzePvkYCIQDd
K7aqj/VkzwBQ721MtBkS4MfF9CIrdvxfJ6mtPs9O/Q==
-----END CERTIFICATE-----
`;

const closers: (() => unknown)[] = [];
after(() => {
  for (const close of closers) close();
});

/** Answers with the common name of the client's certificate. */
async function serve(options: https.ServerOptions = {}): Promise<HttpRequest> {
  const server = https.createServer({ key, cert, ...options }, (request, response) => {
    const peer = request.socket instanceof TLSSocket ? request.socket.getPeerCertificate() : undefined;
    response.setHeader('x-client', String(peer?.subject?.CN)).end();
  });
  closers.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  const port = await listenAnywhere(server);
  return { method: 'GET', url: `https://127.0.0.1:${port}/`, headers: {}, replay: 'safe' };
}

/** A server that speaks one version of TLS only. */
const only = (version: SecureVersion): Promise<HttpRequest> =>
  serve({ minVersion: version, maxVersion: version });

function transport(tls: TlsOptions): Transport {
  const made = createNodeTransport({ tls });
  closers.push(() => made.close());
  return made;
}

describe('TLS', () => {
  it('TLS rejects a certificate from an unknown authority with NO_CONNECTION', async () => {
    await assert.rejects(transport({}).send(await serve()), (error) => isGantryError(error, 'NO_CONNECTION'));
  });

  it('TLS trusts the given authorities', async () => {
    for (const ca of [cert, [cert]]) assert.equal((await transport({ ca }).send(await serve())).status, 200);
  });

  it('TLS accepts any certificate with rejectUnauthorized: false', async () => {
    assert.equal((await transport({ rejectUnauthorized: false }).send(await serve())).status, 200);
  });

  it('TLS sends the client certificate', async () => {
    const request = await serve({ requestCert: true, rejectUnauthorized: true, ca: cert });
    const response = await transport({ ca: cert, cert, key }).send(request);
    assert.deepEqual(response.headers['x-client'], ['localhost']);
  });

  it('C19 TLS uses version 1.2 or later, even if Node is configured to allow older versions', async (test) => {
    const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
    atEnd(test, () => Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS }));
    // OpenSSL 3 speaks 1.1 only at its lowest level of security.
    Object.assign(tls, { DEFAULT_MIN_VERSION: 'TLSv1.1', DEFAULT_CIPHERS: 'DEFAULT@SECLEVEL=0' });
    const old = await only('TLSv1.1');
    const careless = https.get(old.url, { rejectUnauthorized: false, agent: false });
    const [{ statusCode, socket }] = await once(careless, 'response');
    assert.deepEqual([statusCode, socket.getProtocol()], [200, 'TLSv1.1']);
    for (const options of [{ rejectUnauthorized: false }, { ca: cert }, { ca: cert, cert, key }]) {
      await assert.rejects(transport(options).send(old), (error) => isGantryError(error, 'NO_CONNECTION'));
      const { status } = await transport(options).send(await only('TLSv1.2'));
      assert.equal(status, 200);
    }
  });
});
