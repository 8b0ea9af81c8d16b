import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { basicOf, secret, withoutSecrets } from '../../../test/secret.ts';
import { isGantryError } from '../../errors.ts';
import { parseProxy, proxyChoice } from './proxy.ts';

type Environment = Readonly<Record<string, string>>;

const through = (env: Environment, url: string): string | undefined => proxyChoice(undefined, env)(url)?.host;

describe('the proxy from the environment', () => {
  const both = { HTTP_PROXY: 'plain:1', HTTPS_PROXY: 'secure:2' };
  const rows: readonly (readonly [env: Environment, url: string, expected: string | undefined])[] = [
    [{}, 'https://a.example/', undefined],
    [both, 'http://a.example/', 'plain:1'],
    [both, 'https://a.example/', 'secure:2'],
    [{ ...both, https_proxy: 'small:3' }, 'https://a.example/', 'small:3'],
    [{ ALL_PROXY: 'all:4' }, 'https://a.example/', 'all:4'],
    [{ all_proxy: 'all:4' }, 'http://a.example/', 'all:4'],
    [{ ...both, ALL_PROXY: 'all:4' }, 'http://a.example/', 'plain:1'],
    [{ HTTPS_PROXY: '' }, 'https://a.example/', undefined],
    [{ HTTP_PROXY: 'evil:1', REQUEST_METHOD: 'GET' }, 'http://a.example/', undefined],
    [{ http_proxy: 'own:1', REQUEST_METHOD: 'GET' }, 'http://a.example/', 'own:1'],
    [both, 'http://localhost:5000/', undefined],
    [both, 'https://registry.localhost/', undefined],
    [both, 'http://127.0.0.2/', undefined],
    [both, 'https://[::1]:5000/', undefined],
    [both, 'https://10.0.0.1/', 'secure:2'],
  ];
  for (const [env, url, expected] of rows) {
    it(`the proxy is ${expected ?? 'none'} for ${url} with ${JSON.stringify(env)}`, () =>
      assert.equal(through(env, url), expected));
  }
});

describe('NO_PROXY', () => {
  const rows: readonly (readonly [list: string, url: string, exempt: boolean])[] = [
    ['*', 'https://a.example/', true],
    ['a.example', 'https://a.example/', true],
    ['a.example', 'https://b.a.example/', true],
    ['a.example', 'https://ba.example/', false],
    ['A.Example.', 'https://a.example/', true],
    ['a.example', 'https://a.example./', true],
    ['.a.example', 'https://a.example/', false],
    ['.a.example', 'https://b.a.example/', true],
    ['*.a.example', 'https://c.b.a.example/', true],
    ['*.a.example', 'https://a.example/', false],
    ['a.example:8443', 'https://a.example:8443/', true],
    ['a.example:8443', 'https://a.example/', false],
    ['a.example:443', 'https://a.example/', true],
    ['a.example:80', 'http://a.example/', true],
    ['x, y ,a.example', 'https://a.example/', true],
    ['x a.example', 'https://a.example/', true],
    ['10.0.0.0/8', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://11.1.2.3/', false],
    ['10.0.0.0/8', 'https://ten.example/', false],
    ['10.1.2.3', 'https://10.1.2.3:5000/', true],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000/', true],
    ['10.1.2.3:5000', 'https://10.1.2.3/', false],
    ['1.2.3', 'https://9.1.2.3/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['fd00::/8', 'https://[fe00::1]/', false],
    ['2001:db8::1', 'https://[2001:db8::1]/', true],
    ['[2001:db8::1]:5000', 'https://[2001:db8::1]:5000/', true],
    ['[2001:db8::1]:5000', 'https://[2001:db8::1]/', false],
    ['10.0.0.0/99', 'https://10.0.0.1/', false],
    [',, ', 'https://a.example/', false],
    ['.', 'https://a.example/', false],
  ];
  for (const [list, url, exempt] of rows) {
    it(`NO_PROXY "${list}" ${exempt ? 'covers' : 'does not cover'} ${url}`, () =>
      assert.equal(
        through({ HTTPS_PROXY: 'p:1', HTTP_PROXY: 'p:1', no_proxy: list }, url),
        exempt ? undefined : 'p:1',
      ));
  }

  it('NO_PROXY never fails to parse', () =>
    fc.assert(
      fc.property(fc.string(), (list) => {
        through({ HTTPS_PROXY: 'p:1', NO_PROXY: list }, 'https://a.example/');
      }),
    ));
});

describe('parseProxy', () => {
  it('parseProxy reads the user and the password, and keeps them in one field only', () => {
    const { authorization, ...rest } = parseProxy(
      `https://us%40er:${secret('p%3Ass%')}@proxy.example:3128/x`,
    );
    assert.equal(authorization, basicOf('us@er', secret('p:ss%')));
    assert.deepEqual(rest, {
      secure: true,
      hostname: 'proxy.example',
      host: 'proxy.example:3128',
      port: 3128,
    });
  });

  it('parseProxy defaults to plain HTTP and port 80', () => {
    assert.deepEqual(parseProxy('proxy'), { secure: false, hostname: 'proxy', host: 'proxy', port: 80 });
    assert.equal(parseProxy('https://proxy').port, 443);
  });

  for (const text of [
    `socks5://user:${secret('proxy')}@proxy`,
    'http://',
    `http://user:${secret('proxy')}@`,
    `ftp://${secret('proxy')}@x`,
  ]) {
    it(`parseProxy rejects "${withoutSecrets(text)}" with INVALID_OPTION and does not show the password`, () =>
      assert.throws(
        () => parseProxy(text),
        (error) => isGantryError(error, 'INVALID_OPTION') && !error.message.includes(secret('proxy')),
      ));
  }

  it('a given proxy applies to every host except this machine, and a function decides for each URL', () => {
    const env = { HTTPS_PROXY: 'env:1' };
    assert.equal(proxyChoice('given:1', env)('https://a.example/')?.host, 'given:1');
    assert.equal(proxyChoice('given:1', env)('https://localhost/'), undefined);
    assert.equal(proxyChoice(false, env)('https://a.example/'), undefined);
    assert.equal(
      proxyChoice((url) => (url.includes('local') ? 'own:1' : undefined), env)('http://localhost/')?.host,
      'own:1',
    );
    assert.equal(proxyChoice(() => undefined, env)('https://a.example/'), undefined);
  });
});
