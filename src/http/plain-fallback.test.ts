import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError, TransportError } from '../errors.ts';
import { emptyContent } from '../flow/content.ts';
import type { HttpRequest, Send } from '../wire/message.ts';
import { plainFallback } from './plain-fallback.ts';
import { userAgent } from './user-agent.ts';

const request: HttpRequest = { method: 'GET', url: 'https://host:5000/v2/?x', headers: {}, replay: 'safe' };

const isAsked = (): boolean => true;

function failure(code: string): TransportError {
  return new TransportError('NO_CONNECTION', 'x', { cause: Object.assign(new Error('x'), { code }) });
}

/** Records each request, and fails for URLs that begin with `dead`. */
function createFarSide(
  dead: string,
  error: Error = failure('ECONNREFUSED'),
): { readonly send: Send; readonly seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    send: async ({ url, headers }) => {
      seen.push(url);
      if (url.startsWith(dead)) throw error;
      return { status: 200, headers, body: emptyContent.open() };
    },
  };
}

describe('plainFallback', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER']) {
    it(`plainFallback uses plain HTTP from then on when no TLS server listens (${code})`, async () => {
      const { send, seen } = createFarSide('https:', failure(code));
      const line = plainFallback(isAsked)(send);
      await line(request);
      await line(request);
      assert.deepEqual(seen, ['https://host:5000/v2/?x', 'http://host:5000/v2/?x', 'http://host:5000/v2/?x']);
    });
  }

  for (const [name, error] of [
    ['breaks', new TransportError('CUT_OFF', 'x')],
    ['stays silent', new TransportError('TIMED_OUT', 'x')],
    ['has a certificate from an unknown authority', failure('DEPTH_ZERO_SELF_SIGNED_CERT')],
    ['requires a client certificate', failure('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')],
    ['has another version', failure('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')],
    ['is at an unknown host name', failure('ENOTFOUND')],
    [
      'is behind a proxy that does not exist',
      new TransportError('NO_CONNECTION', 'x', { cause: failure('ECONNREFUSED') }),
    ],
  ] as const) {
    it(`plainFallback does not use plain HTTP when TLS ${name}`, async () => {
      const { send, seen } = createFarSide('https:', error);
      await assert.rejects(plainFallback(isAsked)(send)(request), (thrown) => thrown === error);
      assert.deepEqual(seen, [request.url]);
    });
  }

  it('plainFallback does not use plain HTTP when TLS works, nor for a host that is not declared insecure', async () => {
    const spoken = createFarSide('http:');
    await plainFallback(isAsked)(spoken.send)(request);
    const other = createFarSide('https:');
    const line = plainFallback((host) => host !== 'host:5000')(other.send);
    await assert.rejects(line(request), (error) => isGantryError(error, 'NO_CONNECTION'));
    assert.deepEqual([...spoken.seen, ...other.seen], [request.url, request.url]);
  });

  it('plainFallback does not remember a host that fails in plain HTTP, too', async () => {
    const { send, seen } = createFarSide('http');
    const line = plainFallback(isAsked)(send);
    for (let round = 0; round < 2; round++) {
      await assert.rejects(line(request), (error) => isGantryError(error, 'NO_CONNECTION'));
    }
    assert.equal(seen.filter((url) => url.startsWith('https:')).length, 2);
  });
});

describe('userAgent', () => {
  it('userAgent adds the header to a request that has none', async () => {
    const { send } = createFarSide('-');
    const line = userAgent('gantry/1')(send);
    assert.deepEqual((await line(request)).headers['user-agent'], ['gantry/1']);
    const own = { ...request, headers: { 'user-agent': ['own'] } };
    assert.deepEqual((await line(own)).headers['user-agent'], ['own']);
  });
});
