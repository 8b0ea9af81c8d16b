import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hash } from 'bcryptjs';
import * as fc from 'fast-check';
import { secret } from '../../../test/secret.ts';
import { isGantryError } from '../../errors.ts';
import { comparedWith, openHtpasswd, parseHtpasswd } from './htpasswd.ts';

const password = secret('htpasswd');
/** Hashes at the lowest cost. */
const hashed = await hash(password, 4);
const rest = hashed.slice(4);

describe('a file of users', () => {
  it('a file of users has a user and a hash in each line, comments and blank lines', () => {
    const text = `# users\n\nalice:$2a$${rest}\r\n  bob:$2y$${rest}  \ncarol:$2b$${rest}`;
    assert.deepEqual([...parseHtpasswd(text, { file: 'f' }).keys()], ['alice', 'bob', 'carol']);
  });

  it('a file of users may be empty', () => assert.equal(parseHtpasswd('', { file: 'f' }).size, 0));

  const lines: readonly [what: string, line: string][] = [
    ['MD5 of Apache', 'alice:$apr1$mEwsHsZE$9Wv1T2kqX0aUu1PqkXWmb.'],
    ['SHA-1', 'alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['crypt', 'alice:rqXexS6ZhobKA'],
    ['a password as it is', `alice:${secret('plain')}`],
    ['a hash that is cut off', `alice:${hashed.slice(0, -1)}`],
    ['a hash that goes on', `alice:${hashed}:x`],
    ['bcrypt of an unknown kind', `alice:$2x$${rest}`],
    ['a cost that is too low', `alice:$2b$03${rest.slice(2)}`],
    ['a cost that takes seconds', `alice:$2b$15${rest.slice(2)}`],
    ['a user twice', `bob:${hashed}`],
    ['no user', `:${hashed}`],
    ['no hash', 'alice'],
  ];
  for (const [what, line] of lines) {
    it(`a file of users with ${what} is refused, naming the line and nothing of it`, () => {
      assert.throws(
        () => parseHtpasswd(`bob:${hashed}\n\n${line}\n`, { file: 'my users' }),
        (error) => {
          assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
          assert.ok(error.message.startsWith('my users:3: '), error.message);
          assert.ok(!error.message.includes(rest.slice(-20)));
          return true;
        },
      );
    });
  }

  it('a file of users that is too long is refused', () => {
    assert.throws(() => parseHtpasswd('#'.repeat(8 * 1024 * 1024 + 1), { file: 'f' }), {
      code: 'INVALID_OPTION',
    });
  });

  it('any text is a file of users or a refusal, and never another error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ab:$2y04./\n\r #')) }), (text) => {
        try {
          parseHtpasswd(text, { file: 'f' });
        } catch (error) {
          assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
        }
      }),
    );
  });
});

function hashOf(cost: string): string {
  return `$2b$${cost}${rest.slice(2)}`;
}

describe('a wrong password', () => {
  const costs = ['$2b$04$', '$2y$06$', '$2a$12$'];
  for (const own of [hashOf('04'), hashOf('06'), hashOf('12'), undefined]) {
    it(`unknown-user-by-time: the check of a wrong password costs the same for ${own === undefined ? 'an unknown user' : `a hash of cost ${own.slice(4, 6)}`}`, () => {
      const compared = comparedWith(own, costs);
      assert.deepEqual(compared.map((hash) => hash.slice(4, 6)).sort(), ['04', '06', '12']);
      // A right password is found at the first comparison.
      if (own !== undefined) assert.equal(compared[0], own);
    });
  }

  it('unknown-user-by-time: in a file of several costs a wrong password is refused and a right one accepted', async () => {
    const lines = await Promise.all(
      [4, 5, 6].map(async (cost) => `user-${cost}:${await hash(password, cost)}`),
    );
    const login = await openHtpasswd(async () => lines.join('\n'));
    for (const cost of [4, 5, 6]) {
      assert.equal(await login.check(`user-${cost}`, password), true);
      assert.equal(await login.check(`user-${cost}`, secret('htpasswd-wrong')), false);
    }
    assert.equal(await login.check('nobody', password), false);
  });
});

describe('a login from a file of users', () => {
  for (const kind of ['2a', '2b', '2y']) {
    it(`the login knows passwords hashed as $${kind}$`, async () => {
      const login = await openHtpasswd(async () => `alice:$${kind}$${rest}`);
      assert.equal(await login.check('alice', password), true);
      assert.equal(await login.check('alice', `${password}!`), false);
      assert.equal(await login.check('bob', password), false);
      assert.equal(await login.find('bob'), undefined);
    });
  }

  it('the login follows the file, and a user with another password is another user', async () => {
    let text = `alice:${hashed}`;
    const login = await openHtpasswd(async () => text);
    const before = await login.find('alice');
    const other = secret('htpasswd-other');
    text = `alice:${await hash(other, 4)}\nbob:${hashed}`;
    assert.equal(await login.check('alice', password), false);
    assert.equal(await login.check('alice', other), true);
    assert.equal(await login.check('bob', password), true);
    assert.notEqual((await login.find('alice'))?.stamp, before?.stamp);
    text = '';
    assert.equal(await login.find('alice'), undefined);
    assert.equal(await login.check('alice', other), false);
  });

  it('the login keeps its users while the file is invalid, and reports that once', async () => {
    const problems: unknown[] = [];
    let text = `alice:${hashed}`;
    const login = await openHtpasswd(async () => text, { onProblem: (error) => problems.push(error) });
    text = 'alice:nothing';
    assert.ok(await login.find('alice'));
    assert.equal(await login.check('alice', password), true);
    assert.equal(problems.length, 1);
  });

  it('an invalid file gives no login at the start', async () => {
    await assert.rejects(
      openHtpasswd(async () => 'alice:nothing'),
      { code: 'INVALID_OPTION' },
    );
  });

  it('the login refuses clients that would have to wait for too many others', async () => {
    const login = await openHtpasswd(async () => `alice:${hashed}`);
    const all = await Promise.allSettled(Array.from({ length: 70 }, () => login.check('alice', password)));
    const refused = all.filter(
      (one) => one.status === 'rejected' && isGantryError(one.reason, 'TOOMANYREQUESTS'),
    );
    const right = all.filter((one) => one.status === 'fulfilled' && one.value);
    assert.deepEqual([right.length, refused.length], [64, 6]);
    assert.equal(await login.check('alice', password), true);
  });
});
