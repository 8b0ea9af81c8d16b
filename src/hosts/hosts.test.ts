import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { createHosts } from './hosts.ts';

describe('the value of one registry', () => {
  for (const [registry, base] of [
    ['ghcr.io', 'https://ghcr.io'],
    ['docker.io', 'https://registry-1.docker.io'],
    ['localhost:5000', 'http://localhost:5000'],
    ['10.0.0.1:5000', 'https://10.0.0.1:5000'],
  ] as const) {
    it(`the address of ${registry} is ${base}`, () => {
      assert.equal(createHosts().of({ registry }).base, base);
    });
  }

  it('a registry has one value for each scheme', () => {
    const hosts = createHosts();
    const plain = hosts.of({ registry: 'a.example', scheme: 'http' });
    assert.equal(hosts.of({ registry: 'a.example' }), hosts.of({ registry: 'a.example', scheme: 'https' }));
    assert.notEqual(hosts.of({ registry: 'a.example' }), plain);
    assert.equal(plain.base, 'http://a.example');
  });

  it('a registry that only its reference allows to use plain HTTP gets no headers of the user', () => {
    const headers = { 'a.example': { 'x-key': secret('host-header-key') } };
    const name = { registry: 'a.example', scheme: 'http' } as const;
    const strict = createHosts({ headers });
    assert.deepEqual([strict.of(name).isPlain, strict.of(name).headers], [true, {}]);
    assert.deepEqual(strict.of({ registry: 'a.example' }).headers, headers['a.example']);
    const allowed = createHosts({ headers, insecure: ['a.example'] }).of(name);
    assert.deepEqual([allowed.isPlain, allowed.headers], [false, headers['a.example']]);
  });

  it('the advice for a login over plain HTTP names the flag that allows it', () => {
    const { loginAdvice } = createHosts().of({ registry: 'a.example', scheme: 'http' });
    assert.match(loginAdvice, /--insecure-registry a\.example/);
  });
});

describe('the facts about hosts', () => {
  it('insecure hosts are the listed ones, or with true the named ones', () => {
    const listed = createHosts({ insecure: ['a.example:5000'] });
    assert.deepEqual([listed.isInsecure('a.example:5000'), listed.isInsecure('b.example')], [true, false]);
    const all = createHosts({ insecure: true });
    assert.equal(all.isInsecure('b.example'), false);
    all.of({ registry: 'b.example' });
    assert.equal(all.isInsecure('b.example'), true);
  });

  it('a loopback host is open only after a reference without a scheme', () => {
    const hosts = createHosts();
    hosts.of({ registry: 'localhost:5000', scheme: 'http' });
    assert.equal(hosts.isOpen('localhost:5000'), false);
    hosts.of({ registry: 'localhost:5000' });
    assert.equal(hosts.isOpen('localhost:5000'), true);
  });

  it('a client certificate is shown only to registries that the user named', async () => {
    const cert = 'a certificate';
    const { tls, of } = createHosts({ tls: { cert, ca: 'an authority' } });
    of({ registry: 'a.example' });
    assert.equal((await tls('a.example')).cert, cert);
    const other = await tls('b.example');
    assert.deepEqual([other.cert, other.ca], [undefined, ['an authority']]);
  });

  it('a text in insecure that names no registry is refused', () => {
    assert.throws(
      () => createHosts({ insecure: ['a b'] }),
      (error) => isGantryError(error, 'INVALID_REFERENCE'),
    );
  });
});
