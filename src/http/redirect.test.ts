import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent, emptyContent, streamContent } from '../flow/content.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { redirect } from './redirect.ts';

const home = 'https://registry.example.com';

interface Seen {
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderMap;
  /** Whether the request skipped the credentials. */
  readonly foreign: boolean;
}

/** Answers by URL. A URL that is missing in the map gets a final answer. */
function follow(
  hops: Readonly<Record<string, readonly [status: number, location?: string]>>,
  more: Partial<HttpRequest> = {},
): { readonly response: Promise<HttpResponse>; readonly seen: Seen[] } {
  const seen: Seen[] = [];
  const side = (foreign: boolean): Send => {
    return async ({ url, method, headers }) => {
      seen.push({ url, method, headers, foreign });
      const [status, location] = hops[url] ?? [200];
      return {
        status,
        headers: location === undefined ? {} : { location: [location] },
        body: emptyContent.open(),
      };
    };
  };
  const send = redirect({ foreign: side(true) })(side(false));
  return {
    response: send({ method: 'GET', url: `${home}/blob`, headers: {}, replay: 'safe', ...more }),
    seen,
  };
}

/** Redirects this many times. */
const chain = (length: number): Record<string, readonly [number, string]> =>
  Object.fromEntries(
    Array.from({ length }, (_, at) => [`${home}/${at === 0 ? 'blob' : at}`, [302, `/${at + 1}`]]),
  );

const urls = (seen: readonly Seen[]): readonly string[] => seen.map(({ url }) => url);

describe('redirect', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    for (const method of ['GET', 'HEAD']) {
      it(`a redirect with ${status} is followed for ${method}, and the answer contains its URL`, async () => {
        const { response, seen } = follow({ [`${home}/blob`]: [status, '/there?a=%7E'] }, { method });
        assert.equal((await response).status, 200);
        assert.equal((await response).url, `${home}/there?a=%7E`);
        assert.deepEqual(
          seen.map(({ method, foreign }) => [method, foreign]),
          [
            [method, false],
            [method, false],
          ],
        );
      });
    }
  }

  for (const [status, method] of [
    [301, 'POST'],
    [302, 'PUT'],
    [303, 'POST'],
    [304, 'GET'],
    [300, 'GET'],
  ] as const) {
    it(`a redirect with ${status} is returned as the answer for ${method}`, async () => {
      const { response, seen } = follow({ [`${home}/blob`]: [status, '/there'] }, { method });
      assert.equal((await response).status, status);
      assert.equal(seen.length, 1);
    });
  }

  it('a redirect without a Location is returned as the answer', async () => {
    assert.equal((await follow({ [`${home}/blob`]: [307] }).response).status, 307);
  });

  it('a redirect with 307 is followed within the origin for a replayable body and for no body', async () => {
    const hops = { [`${home}/blob`]: [307, '/there'] } as const;
    assert.equal((await follow(hops, { method: 'POST' }).response).status, 200);
    assert.equal(
      (await follow(hops, { method: 'PUT', body: bytesContent(new Uint8Array(1)) }).response).status,
      200,
    );
    const oneShot = { method: 'PUT', body: streamContent(emptyContent.open()) };
    assert.equal((await follow(hops, oneShot).response).status, 307);
  });

  for (const status of [307, 308]) {
    for (const method of ['POST', 'PATCH', 'PUT']) {
      it(`post-redirected: a redirect with ${status} is followed for ${method} to another origin, without credentials`, async () => {
        const { response, seen } = follow(
          { [`${home}/blob`]: [status, 'https://other.example/x?s=%7E'] },
          {
            method,
            body: bytesContent(new Uint8Array(1)),
            headers: { authorization: [secret('bearer')], 'content-range': ['0-0'], 'content-length': ['1'] },
          },
        );
        assert.equal((await response).status, 200);
        assert.equal((await response).url, 'https://other.example/x?s=%7E');
        assert.deepEqual(seen[1], {
          url: 'https://other.example/x?s=%7E',
          method,
          headers: { 'content-range': ['0-0'], 'content-length': ['1'] },
          foreign: true,
        });
      });

      for (const location of [
        'http://other.example/x',
        'https://10.0.0.1/x',
        'https://u:p@other.example/x',
      ]) {
        it(`post-redirected: a redirect with ${status} for ${method} to ${location} is REDIRECT_REFUSED`, async () => {
          const { response, seen } = follow({ [`${home}/blob`]: [status, location] }, { method });
          await assert.rejects(response, (error) => isGantryError(error, 'REDIRECT_REFUSED'));
          assert.equal(seen.length, 1);
        });
      }
    }
  }

  it('a redirect with 307 to another origin is returned as the answer for DELETE', async () => {
    const { response, seen } = follow(
      { [`${home}/blob`]: [307, 'https://cdn.example/x'] },
      { method: 'DELETE' },
    );
    assert.equal((await response).status, 307);
    assert.equal(seen.length, 1);
  });

  const headers = {
    accept: ['a'],
    range: ['bytes=1-2'],
    'user-agent': ['gantry'],
    authorization: [`Bearer ${secret('bearer')}`],
    cookie: [secret('cookie')],
    'x-custom': [secret('custom')],
  };

  it('a redirect within the origin keeps every header', async () => {
    const { response, seen } = follow({ [`${home}/blob`]: [307, `${home}:443/there`] }, { headers });
    await response;
    assert.deepEqual(seen[1]?.headers, headers);
  });

  it('a redirect to another origin drops all but neutral headers and all credentials, even after it returns', async () => {
    const { response, seen } = follow(
      { [`${home}/blob`]: [307, 'https://cdn.example/x'], 'https://cdn.example/x': [307, `${home}/back`] },
      { headers },
    );
    await response;
    assert.deepEqual(urls(seen), [`${home}/blob`, 'https://cdn.example/x', `${home}/back`]);
    assert.deepEqual(
      seen.map(({ foreign }) => foreign),
      [false, true, true],
    );
    for (const hop of seen.slice(1))
      assert.deepEqual(Object.keys(hop.headers), ['accept', 'range', 'user-agent']);
  });

  for (const location of [
    'http://cdn.example/x',
    'https://10.0.0.1/x',
    'https://localhost/x',
    'ftp://x/',
    'https://u:p@x/',
  ]) {
    it(`a redirect to ${location} is REDIRECT_REFUSED`, async () => {
      const { response, seen } = follow({ [`${home}/blob`]: [307, location] });
      await assert.rejects(response, (error) => isGantryError(error, 'REDIRECT_REFUSED'));
      assert.equal(seen.length, 1);
    });
  }

  it('the first ten redirects are followed and the eleventh is REDIRECT_REFUSED', async () => {
    assert.equal((await follow(chain(10)).response).status, 200);
    const { response, seen } = follow(chain(11));
    await assert.rejects(response, (error) => isGantryError(error, 'REDIRECT_REFUSED'));
    assert.equal(seen.length, 11);
  });
});
