import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError, TransportError } from '../errors.ts';
import { emptyContent } from '../flow/content.ts';
import type { HttpRequest, Send } from '../wire/message.ts';
import { plainFallback } from './plain-fallback.ts';
import { userAgent } from './user-agent.ts';

const request: HttpRequest = { method: 'GET', url: 'https://host:5000/v2/?x', headers: {}, replay: 'safe' };

/** Notes what it is sent, and fails for the URLs that begin with `dead`. */
function createFarSide(
  dead: string,
  code: 'NO_CONNECTION' | 'CUT_OFF',
): { readonly send: Send; readonly seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    send: async ({ url, headers }) => {
      seen.push(url);
      if (url.startsWith(dead)) throw new TransportError(code, 'x');
      return { status: 200, headers, body: emptyContent.open() };
    },
  };
}

describe('the fallback to plain HTTP', () => {
  it('comes when there is no connection in TLS, and stays', async () => {
    const { send, seen } = createFarSide('https:', 'NO_CONNECTION');
    const line = plainFallback()(send);
    await line(request);
    await line(request);
    assert.deepEqual(seen, ['https://host:5000/v2/?x', 'http://host:5000/v2/?x', 'http://host:5000/v2/?x']);
  });

  it('does not come where TLS is spoken, not even when it breaks', async () => {
    const spoken = createFarSide('http:', 'NO_CONNECTION');
    await plainFallback()(spoken.send)(request);
    const broken = createFarSide('https:', 'CUT_OFF');
    await assert.rejects(plainFallback()(broken.send)(request), (error) => isGantryError(error, 'CUT_OFF'));
    assert.deepEqual([...spoken.seen, ...broken.seen], [request.url, request.url]);
  });

  it('does not stay when there is no connection in plain HTTP either', async () => {
    const { send, seen } = createFarSide('http', 'NO_CONNECTION');
    const line = plainFallback()(send);
    for (let round = 0; round < 2; round++) {
      await assert.rejects(line(request), (error) => isGantryError(error, 'NO_CONNECTION'));
    }
    assert.equal(seen.filter((url) => url.startsWith('https:')).length, 2);
  });
});

describe('the user agent', () => {
  it('is added where a request has none', async () => {
    const { send } = createFarSide('-', 'CUT_OFF');
    const line = userAgent('gantry/1')(send);
    assert.deepEqual((await line(request)).headers['user-agent'], ['gantry/1']);
    const own = { ...request, headers: { 'user-agent': ['own'] } };
    assert.deepEqual((await line(own)).headers['user-agent'], ['own']);
  });
});
