import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError, TransportError } from '../errors.ts';
import { streamContent } from '../flow/content.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { answer } from '../wire/reply.ts';
import { secureFallback } from './secure-fallback.ts';

const host = 'localhost:5000';
const ask: HttpRequest = { method: 'GET', url: `http://${host}/v2/`, headers: {}, replay: 'safe' };
const failure = (code: string): TransportError =>
  new TransportError('NO_CONNECTION', `no connection to ${host}`, {
    cause: Object.assign(new Error(code), { code }),
  });

/** A server that behaves in one way for `http:` and in another for `https:`, and notes the schemes. */
function server(plain: () => HttpResponse, secure: () => HttpResponse) {
  const schemes: string[] = [];
  const send: Send = async ({ url }) => {
    const isSecure = url.startsWith('https:');
    schemes.push(isSecure ? 'https' : 'http');
    return isSecure ? secure() : plain();
  };
  return { send, schemes };
}

function refuse(error: Error): () => never {
  return () => {
    throw error;
  };
}

function fallback(send: Send, { certificates = false, open = true } = {}): Send {
  return secureFallback({ isOpen: () => open, hasCertificates: async () => certificates })(send);
}

const ok = (): HttpResponse => answer(200);

describe('secureFallback', () => {
  it('secureFallback stays with plain HTTP when it is answered', async () => {
    const { send, schemes } = server(ok, refuse(failure('EPROTO')));
    const through = fallback(send);
    for (let count = 0; count < 2; count++) assert.equal((await through(ask)).status, 200);
    assert.deepEqual(schemes, ['http', 'http']);
  });

  for (const [how, plain] of [
    ['closes the connection', refuse(new TransportError('CUT_OFF', 'closed'))],
    ['answers with an alert', refuse(failure('HPE_INVALID_CONSTANT'))],
    ['answers 400', () => answer(400)],
  ] as const) {
    it(`secureFallback uses TLS from then on when a plain request ${how}`, async () => {
      const { send, schemes } = server(plain, ok);
      const through = fallback(send);
      for (let count = 0; count < 2; count++) assert.equal((await through(ask)).status, 200);
      assert.deepEqual(schemes, ['http', 'https', 'https']);
    });
  }

  it('secureFallback uses TLS at once when certificates are configured', async () => {
    const { send, schemes } = server(ok, ok);
    await fallback(send, { certificates: true })(ask);
    assert.deepEqual(schemes, ['https']);
  });

  it('secureFallback keeps the first answer when TLS is not spoken either', async () => {
    const { send } = server(() => answer(400), refuse(failure('EPROTO')));
    assert.equal((await fallback(send)(ask)).status, 400);
  });

  it('secureFallback reports the TLS error of a server that speaks TLS, and names https', async () => {
    const { send } = server(() => answer(400), refuse(failure('CERT_HAS_EXPIRED')));
    await assert.rejects(fallback(send)(ask), (error: unknown) => {
      assert.ok(isGantryError(error, 'NO_CONNECTION'));
      assert.match(error.message, /https:\/\/localhost:5000/);
      return true;
    });
  });

  it('secureFallback does not send a body twice that can be read once', async () => {
    const { send, schemes } = server(() => answer(400), ok);
    const body = streamContent(answer(200, {}, new Uint8Array(1)).body);
    assert.equal((await fallback(send)({ ...ask, method: 'PUT', body })).status, 400);
    assert.deepEqual(schemes, ['http']);
  });

  it('secureFallback leaves other hosts and https addresses alone', async () => {
    const { send, schemes } = server(() => answer(400), ok);
    await fallback(send, { open: false })(ask);
    await fallback(send)({ ...ask, url: `https://${host}/v2/` });
    assert.deepEqual(schemes, ['http', 'https']);
  });

  it('secureFallback shows the addresses of the secure server by its plain origin', async () => {
    const location = { location: [`https://${host}/v2/a/blobs/uploads/1`], link: [`<https://other/x>`] };
    const { send } = server(
      () => answer(400),
      () => answer(202, location),
    );
    const { headers } = await fallback(send)(ask);
    assert.deepEqual(headers['location'], [`http://${host}/v2/a/blobs/uploads/1`]);
    assert.deepEqual(headers['link'], ['<https://other/x>']);
  });
});
