import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { checkHop, originOf, resolveHop } from './origin.ts';

const from = 'https://registry.example.com/v2/a/b/blobs/uploads/?x=1';

describe('resolveHop', () => {
  for (const [to, expected] of [
    ['https://cdn.example.com/a/../b?X-Amz-Signature=%7E~+&empty&b=%2f', undefined],
    ['/v2/a/../b?_state=a%20b', 'https://registry.example.com/v2/a/../b?_state=a%20b'],
    ['//cdn.example.com/x', 'https://cdn.example.com/x'],
    ['?n=2', 'https://registry.example.com/v2/a/b/blobs/uploads/?n=2'],
    ['uuid?x', 'https://registry.example.com/v2/a/b/blobs/uploads/uuid?x'],
    ['/x#fragment', 'https://registry.example.com/x'],
    ['http://registry.example.com/x?y', 'https://registry.example.com/x?y'],
    ['http://registry.example.com:80/x?http://b:80/', 'https://registry.example.com/x?http://b:80/'],
    ['http://other.example.com/x', undefined],
    ['http://registry.example.com:8080/x', undefined],
  ] as const) {
    it(`resolveHop resolves ${to} to ${expected ?? 'itself'}`, () =>
      assert.equal(resolveHop(from, to), expected ?? to));
  }

  for (const to of [
    'ftp://x/',
    `https://user:${secret('realm')}@x/`,
    'https://user@x/',
    'https://',
    'javascript://alert',
    'https://a b/',
  ]) {
    it(`resolveHop rejects ${to.replace(secret('realm'), '***')} with REDIRECT_REFUSED and does not show the secret`, () => {
      assert.throws(
        () => resolveHop(from, to),
        (error: unknown) =>
          isGantryError(error, 'REDIRECT_REFUSED') && !error.message.includes(secret('realm')),
      );
    });
  }
});

describe('checkHop', () => {
  const rows: readonly (readonly [from: string, to: string, allowed: boolean])[] = [
    ['https://a.example/', 'https://b.example/', true],
    ['https://a.example/', 'http://a.example/', false],
    ['http://a.example/', 'https://a.example/', true],
    ['http://a.example/', 'http://b.example/', true],
    ['https://a.example/', 'https://10.1.2.3/', false],
    ['https://a.example/', 'https://192.168.0.1/', false],
    ['https://a.example/', 'https://172.31.0.1/', false],
    ['https://a.example/', 'https://172.32.0.1/', true],
    ['https://a.example/', 'https://100.64.0.1/', false],
    ['https://a.example/', 'https://127.1/', false],
    ['https://a.example/', 'https://0x7f000001/', false],
    ['https://a.example/', 'https://localhost/', false],
    ['https://a.example/', 'https://x.localhost./', false],
    ['https://a.example/', 'https://0.0.0.0/', false],
    ['https://a.example/', 'https://[::1]/', false],
    ['https://a.example/', 'https://[::]/', false],
    ['https://a.example/', 'https://[fd00::1]/', false],
    ['https://a.example/', 'https://[fe80::1]/', false],
    ['https://a.example/', 'https://[::ffff:10.0.0.1]/', false],
    ['https://a.example/', 'https://[64:ff9b::a00:1]/', false],
    ['https://a.example/', 'https://[2001:db8::1]/', true],
    ['https://a.example/', 'https://169.254.169.254/', false],
    ['http://10.0.0.1/', 'http://10.0.0.2/', true],
    ['http://10.0.0.1/', 'http://127.0.0.1/', false],
    ['http://10.0.0.1/', 'http://169.254.169.254/', false],
    ['http://127.0.0.1:5000/', 'http://127.0.0.1:9000/', true],
    ['http://localhost:5000/', 'http://[::1]:9000/', true],
    ['http://localhost:5000/', 'http://10.0.0.1/', true],
    ['http://localhost:5000/', 'http://169.254.169.254/', false],
  ];
  for (const [source, target, allowed] of rows) {
    it(`checkHop ${allowed ? 'allows' : 'refuses'} a hop from ${source} to ${target}`, () => {
      if (allowed) return checkHop(source, target, { home: source });
      assert.throws(
        () => checkHop(source, target, { home: source }),
        (error) => isGantryError(error, 'REDIRECT_REFUSED'),
      );
    });
  }

  describe('checkHop with a host name that repeats a known secret', () => {
    const told = secret('told');
    const home = 'https://registry.example/';
    const rows: readonly [name: string, target: string, secrets: readonly string[], allowed: boolean][] = [
      ['refuses a host name that repeats a secret', `https://${told}.example/x`, [told], false],
      [
        'refuses a host name that repeats a secret in lower case, with a port',
        `https://a.${told.toLowerCase()}.b:444/x`,
        [told],
        false,
      ],
      [
        'allows a host name that repeats a short word, which may be there by chance',
        'https://s3.cdn/',
        ['s3'],
        true,
      ],
      ["is allowed for the registry's own host", 'https://registry.example/x', ['registry'], true],
      [
        "is allowed where the registry's own name has it",
        'https://registry-cdn.example/',
        ['registry'],
        true,
      ],
      ['allows a secret that only the path repeats', `https://cdn.example/${told}`, [told], true],
    ];
    for (const [name, target, secrets, allowed] of rows) {
      it(`checkHop ${name}`, () => {
        if (allowed) return checkHop(home, target, { home, secrets });
        assert.throws(
          () => checkHop(home, target, { home, secrets }),
          (error) => {
            assert(isGantryError(error, 'REDIRECT_REFUSED'));
            return !error.message.toLowerCase().includes(told.toLowerCase());
          },
        );
      });
    }
  });

  it("checkHop allows the registry's own host from anywhere, but never from https to http", () => {
    checkHop('https://cdn.example/', 'https://10.0.0.1:5000/x', { home: 'https://10.0.0.1:5000/' });
    checkHop('https://cdn.example/', 'https://169.254.1.1/x', { home: 'https://169.254.1.1/' });
    assert.throws(
      () => checkHop('https://cdn.example/', 'http://10.0.0.1/', { home: 'http://10.0.0.1/' }),
      (error) => isGantryError(error, 'REDIRECT_REFUSED'),
    );
  });
});

describe('originOf', () => {
  it('originOf returns the same origin for every spelling of host and port', () => {
    assert.equal(originOf('https://A.example:443/x'), originOf('https://a.example'));
    assert.notEqual(originOf('https://a.example:8443'), originOf('https://a.example'));
    assert.notEqual(originOf('http://a.example'), originOf('https://a.example'));
  });
});
