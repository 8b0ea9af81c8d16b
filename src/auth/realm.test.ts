import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { resolveRealm } from './realm.ts';

const requestUrl = 'https://registry.example.com/v2/a/b/tags/list';
const registry = 'registry.example.com';

const resolve = (realm: string | undefined, secrets: readonly string[] = []): string =>
  resolveRealm(
    { scheme: 'bearer', parameters: realm === undefined ? {} : { realm } },
    { requestUrl, registry, secrets },
  );

describe('the address of a token service', () => {
  for (const [realm, expected] of [
    ['https://auth.example.com/token', 'https://auth.example.com/token'],
    ['https://auth.example.com/token?service=x%20y', 'https://auth.example.com/token?service=x%20y'],
    ['/token', 'https://registry.example.com/token'],
  ] as const) {
    it(`the realm ${realm} leads to ${expected}`, () => assert.equal(resolve(realm), expected));
  }

  for (const realm of [undefined, '']) {
    it(`a challenge with the realm ${JSON.stringify(realm)} is CHALLENGE_INVALID and names the registry`, () => {
      assert.throws(() => resolve(realm), {
        code: 'CHALLENGE_INVALID',
        registry,
        message: /registry\.example\.com asks for a token, but its challenge names no realm/,
      });
    });
  }

  for (const realm of ['http://auth.example.com/token', 'ftp://auth.example.com/', 'https://']) {
    it(`the realm ${realm} is CHALLENGE_INVALID, because the password would go there`, () => {
      assert.throws(() => resolve(realm), { code: 'CHALLENGE_INVALID', registry });
    });
  }

  it('the error of a refused realm does not show a secret that the realm repeats', () => {
    const hidden = secret('realm');
    assert.throws(
      () => resolve(`http://auth.example.com/${hidden}`, [hidden]),
      (error) => error instanceof Error && !error.message.includes(hidden),
    );
  });
});
