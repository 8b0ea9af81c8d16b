import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith } from '../testing/contract/sample.ts';
import type { TargetUri } from './message.ts';
import { parseTargetUri, targetOf } from './target-uri.ts';

const base = { secure: true, hostname: 'reg.example', host: 'reg.example', port: 443 };

const rows: readonly [name: string, url: string, expected: Omit<TargetUri, 'url'>][] = [
  [
    'keeps path and query byte for byte',
    'https://reg.example/v2/a/../b?x=%7e',
    { ...base, path: '/v2/a/../b?x=%7e' },
  ],
  ['removes the fragment', 'https://reg.example/v2/#top', { ...base, path: '/v2/' }],
  ['adds a missing path', 'https://reg.example', { ...base, path: '/' }],
  ['adds a path before a query', 'https://reg.example?n=1', { ...base, path: '/?n=1' }],
  [
    'escapes characters that a request line cannot contain',
    'https://reg.example/a b',
    { ...base, path: '/a%20b' },
  ],
  ['reads scheme and host in upper case', 'HTTPS://REG.example:443/v2/', { ...base, path: '/v2/' }],
  ['takes backslashes for slashes', 'https:\\\\reg.example\\v2\\', { ...base, path: '/v2/' }],
  ['does not take the user for the host', 'https://other.example@reg.example/v2/', { ...base, path: '/v2/' }],
  [
    'reads the port and plain HTTP',
    'http://127.1:5000/v2/',
    { secure: false, hostname: '127.0.0.1', host: '127.0.0.1:5000', port: 5000, path: '/v2/' },
  ],
  [
    'removes the brackets of an address',
    'https://[::1]/v2/',
    { secure: true, hostname: '::1', host: '[::1]', port: 443, path: '/v2/' },
  ],
];

describe('parseTargetUri', () => {
  for (const [name, url, expected] of rows) {
    it(`parseTargetUri ${name}`, () => {
      assert.deepEqual(parseTargetUri(url), { url, ...expected });
    });
  }

  it('targetOf parses again when the URL of the request has changed', () => {
    const url = 'https://reg.example/v2/';
    const target = parseTargetUri(url);
    assert.equal(targetOf({ url, target }), target);
    const moved = 'https://other.example/v2/';
    assert.deepEqual(targetOf({ url: moved, target }), parseTargetUri(moved));
    assert.deepEqual(targetOf({ url }), target);
  });

  it('parseTargetUri rejects an address that is not http or https', async () => {
    for (const url of ['nowhere', 'ftp://reg.example/', 'https://reg.example:port/', 'https://']) {
      await failsWith(
        Promise.resolve().then(() => parseTargetUri(url)),
        'NO_CONNECTION',
      );
    }
  });
});
