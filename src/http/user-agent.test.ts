import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HeaderMap, Send } from '../wire/message.ts';
import { userAgent } from './user-agent.ts';

/** The headers of the sent request. */
async function sent(headers: HeaderMap): Promise<HeaderMap> {
  let seen: HeaderMap = {};
  const send: Send = async (request) => {
    seen = request.headers;
    return { status: 200, headers: {}, body: { async *[Symbol.asyncIterator]() {} } };
  };
  await userAgent('gantry/1')(send)({ method: 'GET', url: 'http://r.test/v2/', headers, replay: 'safe' });
  return seen;
}

describe('userAgent', () => {
  it('userAgent sets the header on every request, beside its other headers', async () => {
    assert.deepEqual(await sent({ accept: ['*/*'] }), { 'user-agent': ['gantry/1'], accept: ['*/*'] });
  });

  it('userAgent keeps the header that a request has itself', async () => {
    assert.deepEqual(await sent({ 'user-agent': ['mine'] }), { 'user-agent': ['mine'] });
  });
});
