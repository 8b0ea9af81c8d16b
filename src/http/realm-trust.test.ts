import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { trustsRealm } from './realm-trust.ts';

describe('trustsRealm', () => {
  const rows: readonly (readonly [registry: string, realm: string, trusted: boolean])[] = [
    ['https://ghcr.io', 'https://ghcr.io/token', true],
    ['https://registry-1.docker.io', 'https://auth.docker.io/token', true],
    ['https://registry.hub.docker.com', 'https://auth.docker.io/token', true],
    ['https://registry.hub.docker.com', 'https://auth.docker.com.example/token', false],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth', true],
    ['https://nvcr.io', 'https://authn.nvidia.com/token', true],
    ['https://nvcr.io:5000', 'https://authn.nvidia.com/token', false],
    ['https://localhost:5000', 'https://localhost:5001/', true],
    ['https://registry.corp', 'https://auth.registry.corp/', true],
    ['https://a.co.uk', 'https://b.co.uk', false],
    ['https://x.a.co.uk', 'https://y.a.co.uk', true],
    ['https://a.example', 'https://b.example', false],
    ['https://a.github.io', 'https://b.github.io', false],
    ['https://a.herokuapp.com', 'https://b.herokuapp.com', false],
    ['https://aexample.com', 'https://example.com', false],
    ['https://10.0.0.1', 'https://10.0.0.1:8443/token', true],
    ['https://10.0.0.1', 'https://10.0.0.2', false],
    ['https://[2001:db8::1]', 'https://[2001:db8::2]', false],
    ['https://com', 'https://a.com', false],
  ];
  for (const [registry, realm, trusted] of rows) {
    it(`${realm} ${trusted ? 'may' : 'must not'} receive the credentials of ${registry}`, async () => {
      assert.equal(await trustsRealm(registry, realm), trusted);
    });
  }

  it('a host that is declared trusted may receive the credentials, and no other host may', async () => {
    const trusted = ['login.example.org', 'sso.example.org:8443'];
    const registry = 'https://registry.example.com';
    assert.equal(await trustsRealm(registry, 'https://login.example.org/token', trusted), true);
    assert.equal(await trustsRealm(registry, 'https://sso.example.org:8443/', trusted), true);
    assert.equal(await trustsRealm(registry, 'https://sso.example.org/', trusted), false);
    assert.equal(await trustsRealm(registry, 'https://x.login.example.org/', trusted), false);
  });
});
