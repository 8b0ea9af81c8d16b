import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import type { Credential, Keychain } from './credential.ts';
import { firstOf } from './first-of.ts';

const robot: Credential = { kind: 'basic', username: 'robot', password: secret('robot') };
const nobody: Keychain = async () => undefined;

describe('firstOf', () => {
  it('the first keychain with a credential decides, and later ones are not asked', async () => {
    const asked: string[] = [];
    const asking =
      (name: string, credential?: Credential): Keychain =>
      async (registry, repository, options) => {
        asked.push(`${name} ${registry} ${repository} ${options?.plain}`);
        return credential;
      };
    const keychain = firstOf(asking('a'), asking('b', robot), asking('c', robot));
    assert.equal(await keychain('r.example', 'a/b', { plain: true }), robot);
    assert.deepEqual(asked, ['a r.example a/b true', 'b r.example a/b true']);
  });

  it('no keychain and keychains without a credential give anonymous access', async () => {
    assert.equal(await firstOf()('r.example'), undefined);
    assert.equal(await firstOf(nobody, nobody)('r.example'), undefined);
  });

  it('a keychain that fails ends the search, because a later one could log in as another user', async () => {
    const failure = new Error('locked');
    const failing: Keychain = () => Promise.reject(failure);
    await assert.rejects(firstOf(nobody, failing, async () => robot)('r.example'), failure);
  });

  it('an aborted signal ends the search before the next keychain is asked', async () => {
    const end = new AbortController();
    const ending: Keychain = async () => {
      end.abort(new Error('given up'));
      return undefined;
    };
    const keychain = firstOf(ending, async () => robot);
    await assert.rejects(keychain('r.example', undefined, { signal: end.signal }), { message: 'given up' });
  });

  it('an argument that is no function is INVALID_OPTION and is named', () => {
    const wrong: unknown = { kind: 'basic' };
    assert.throws(() => Reflect.apply(firstOf, undefined, [nobody, wrong]), {
      code: 'INVALID_OPTION',
      message: /firstOf: "keychains"/,
    });
  });
});
