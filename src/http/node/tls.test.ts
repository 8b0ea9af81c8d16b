import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { after, describe, it } from 'node:test';
import tls, { type SecureVersion, TLSSocket } from 'node:tls';
import { listenAnywhere } from '../../../bench/support/listen.ts';
import { atEnd } from '../../../test/at-end.ts';
import { isGantryError } from '../../errors.ts';
import type { HttpRequest } from '../../wire/message.ts';
import type { Transport } from '../transport.ts';
import { cert, key } from './stage.test.support.ts';
import { secureOptions, type TlsOptions } from './tls.ts';
import { createNodeTransport } from './transport.ts';

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

  it('TLS trusts no authority of the machine with onlyCa', async () => {
    const server = tls.createServer({ key, cert });
    closers.push(() => server.close());
    server.on('tlsClientError', () => undefined);
    const port = await listenAnywhere(server);
    const connects = async (options: TlsOptions): Promise<boolean> => {
      const secured = secureOptions(options, 'localhost', () => [cert]);
      const socket = tls.connect({
        port,
        host: '127.0.0.1',
        ...secured,
        checkServerIdentity: () => undefined,
      });
      const isTrusted = await new Promise<boolean>((resolve) => {
        socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false));
      });
      socket.destroy();
      return isTrusted;
    };
    const [other = ''] = tls.rootCertificates;
    assert.equal(await connects({ ca: other }), true);
    assert.equal(await connects({ ca: other, onlyCa: true }), false);
    assert.equal(await connects({ onlyCa: true }), false);
    assert.equal(await connects({ ca: cert, onlyCa: true }), true);
  });

  it('TLS accepts any certificate with rejectUnauthorized: false', async () => {
    assert.equal((await transport({ rejectUnauthorized: false }).send(await serve())).status, 200);
  });

  it('TLS sends the client certificate', async () => {
    const request = await serve({ requestCert: true, rejectUnauthorized: true, ca: cert });
    const response = await transport({ ca: cert, cert, key }).send(request);
    assert.deepEqual(response.headers['x-client'], ['localhost']);
  });

  it('C19: TLS uses version 1.2 or later, even if Node is configured to allow older versions', async (test) => {
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
