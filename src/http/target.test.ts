import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith } from '../testing/contract/sample.ts';
import { parseTarget } from './target.ts';

const base = { secure: true, hostname: 'reg.example', host: 'reg.example', port: 443 };

const rows: readonly [name: string, url: string, expected: ReturnType<typeof parseTarget>][] = [
  [
    'keeps path and query as they are',
    'https://reg.example/v2/a/../b?x=%7e',
    { ...base, path: '/v2/a/../b?x=%7e' },
  ],
  ['leaves the fragment out', 'https://reg.example/v2/#top', { ...base, path: '/v2/' }],
  ['has a path where there is none', 'https://reg.example', { ...base, path: '/' }],
  ['has a path before a query', 'https://reg.example?n=1', { ...base, path: '/?n=1' }],
  ['escapes what no request line can have', 'https://reg.example/a b', { ...base, path: '/a%20b' }],
  ['reads the host in any letters', 'HTTPS://REG.example:443/v2/', { ...base, path: '/v2/' }],
  ['takes backslashes for slashes', 'https:\\\\reg.example\\v2\\', { ...base, path: '/v2/' }],
  ['does not take the user for the host', 'https://other.example@reg.example/v2/', { ...base, path: '/v2/' }],
  [
    'knows ports and plain HTTP',
    'http://127.1:5000/v2/',
    { secure: false, hostname: '127.0.0.1', host: '127.0.0.1:5000', port: 5000, path: '/v2/' },
  ],
  [
    'takes the brackets off an address',
    'https://[::1]/v2/',
    { secure: true, hostname: '::1', host: '[::1]', port: 443, path: '/v2/' },
  ],
];

describe('the target of a request', () => {
  for (const [name, url, expected] of rows) {
    it(name, () => {
      assert.deepEqual(parseTarget(url), expected);
      assert.deepEqual(parseTarget(url), expected, 'also of a server that is known');
    });
  }

  it('is none where the address is not http or https', async () => {
    for (const url of ['nowhere', 'ftp://reg.example/', 'https://reg.example:port/', 'https://']) {
      await failsWith(
        Promise.resolve().then(() => parseTarget(url)),
        'NO_CONNECTION',
      );
    }
  });
});
