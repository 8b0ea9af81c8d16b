import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../../test/secret.ts';
import { createOriginOf } from './origin.ts';

function asked(
  listener: string | undefined,
  hosts: readonly string[],
  publicUrl?: string,
): string | undefined {
  return createOriginOf(publicUrl)({
    method: 'GET',
    url: '/v2/',
    headers: { host: hosts },
    replay: 'never',
    ...(listener === undefined ? {} : { arrival: { listener } }),
  });
}

describe('the origin of a realm', () => {
  const loopback = 'http://127.0.0.1:5000';
  const rows: readonly [
    listener: string | undefined,
    host: string,
    publicUrl: string | undefined,
    origin: string | undefined,
  ][] = [
    [loopback, '127.0.0.1:5000', undefined, loopback],
    [loopback, 'localhost:5000', undefined, 'http://localhost:5000'],
    [loopback, 'LOCALHOST:5000', undefined, 'http://localhost:5000'],
    [loopback, '[::1]:5000', undefined, 'http://[::1]:5000'],
    [loopback, 'localhost:5001', undefined, undefined],
    [loopback, 'evil.example:5000', undefined, undefined],
    [loopback, 'evil.example"@localhost:5000', undefined, undefined],
    [loopback, 'localhost:5000/evil', undefined, undefined],
    [loopback, 'localhost:99999', undefined, undefined],
    [loopback, '', undefined, undefined],
    ['https://127.0.0.1:443', '127.0.0.1', undefined, 'https://127.0.0.1'],
    ['https://10.0.0.1:5000', '10.0.0.1:5000', undefined, 'https://10.0.0.1:5000'],
    ['https://10.0.0.1:5000', 'localhost:5000', undefined, undefined],
    ['http://0.0.0.0:5000', '10.0.0.1:5000', undefined, undefined],
    ['http://0.0.0.0:5000', '0.0.0.0:5000', undefined, undefined],
    ['http://[::]:5000', '[::]:5000', undefined, undefined],
    ['http://[::]:5000', 'localhost:5000', undefined, 'http://localhost:5000'],
    ['http://[::]:5000', 'registry:5000', 'http://registry:5000', 'http://registry:5000'],
    ['http://[::]:5000', 'evil.example', 'https://registry.example', 'https://registry.example'],
    [loopback, 'registry.example', 'https://registry.example/', 'https://registry.example'],
    [loopback, 'localhost:5000', 'https://registry.example', 'http://localhost:5000'],
    [undefined, 'evil.example', undefined, undefined],
    [undefined, 'evil.example', 'https://registry.example', 'https://registry.example'],
  ];
  for (const [listener, host, publicUrl, origin] of rows) {
    const known = publicUrl === undefined ? '' : `, known as ${publicUrl}`;
    it(`the origin at ${listener ?? 'no listener'}${known}, asked as ${JSON.stringify(host)}, is ${origin}`, () => {
      assert.equal(asked(listener, [host], publicUrl), origin);
    });
  }

  it('two Host headers give no origin', () => {
    assert.equal(asked(loopback, ['127.0.0.1:5000', 'localhost:5000']), undefined);
    assert.equal(asked(loopback, []), undefined);
  });

  const urls = [
    'registry.example',
    'ftp://a',
    'https://a/b',
    'https://a?b',
    `https://a:${secret('url')}@b`,
    '',
    'https://',
  ];
  for (const url of urls) {
    it(`${JSON.stringify(url.replace(/:[^/@]*@/, ':...@'))} is no public URL`, () => {
      assert.throws(() => createOriginOf(url), { code: 'INVALID_OPTION' });
    });
  }
});
