import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../../test/secret.ts';
import { loginOf, passwordOf, standingClock } from '../../../test/server/access-stage.ts';
import { isGantryError } from '../../errors.ts';
import { Gate } from '../ask.test.support.ts';
import { createPasswordCheck, type PasswordCaller, type PasswordCheck } from './password-check.ts';
import type { UserDirectory } from './user-directory.ts';

const key = crypto.getRandomValues(new Uint8Array(32));

function passwordCheckOf(
  login: UserDirectory,
): PasswordCheck & { readonly clock: ReturnType<typeof standingClock> } {
  const clock = standingClock();
  return { ...createPasswordCheck(login, { key, clock }), clock };
}

describe('a right password', () => {
  it('a right password is checked once a minute, for any number of requests', async () => {
    const login = loginOf(['alice']);
    const { check, clock } = passwordCheckOf(login);
    const checked = await Promise.all(
      Array.from({ length: 200 }, () => check('alice', passwordOf('alice'), { peer: '10.0.0.1' })),
    );
    assert.ok(checked.every((user) => user?.name === 'alice'));
    await check('alice', passwordOf('alice'), { peer: '10.0.0.2' });
    assert.equal(login.checks, 1);
    clock.move(60_001);
    await check('alice', passwordOf('alice'), { peer: '10.0.0.1' });
    assert.equal(login.checks, 2);
  });

  it('a right password no longer counts after it has changed or the user has gone', async () => {
    const login = loginOf(['alice']);
    const { check } = passwordCheckOf(login);
    assert.ok(await check('alice', passwordOf('alice')));
    login.passwords.set('alice', secret('new'));
    assert.equal(await check('alice', passwordOf('alice')), undefined);
    assert.ok(await check('alice', secret('new')));
    login.passwords.delete('alice');
    assert.equal(await check('alice', secret('new')), undefined);
  });

  it('a right password that was shown once never waits for guesses of others', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    await check('alice', passwordOf('alice'), { peer: '10.0.0.1' });
    for (let at = 0; at < 30; at++) await check('alice', secret(`guess-${at}`), { peer: '10.0.0.9' });
    clock.slept.length = 0;
    assert.ok(await check('alice', passwordOf('alice'), { peer: '10.0.0.9' }));
    assert.deepEqual(clock.slept, []);
  });

  it('a right password waits 4 seconds at most behind guesses of others', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    for (let at = 0; at < 100; at++) await check('alice', secret(`guess-${at}`), { peer: '10.0.0.9' });
    clock.slept.length = 0;
    assert.ok(await check('alice', passwordOf('alice'), { peer: '10.0.0.1' }));
    assert.deepEqual(clock.slept, [4_000]);
  });

  it('a password or name that is longer than any is wrong', async () => {
    const login = loginOf(['alice']);
    const { check } = passwordCheckOf(login);
    assert.equal(await check('alice', 'x'.repeat(1025)), undefined);
    assert.equal(await check('x'.repeat(1025), passwordOf('alice')), undefined);
    assert.equal(login.checks, 0);
  });

  it('a right password is checked again after the login had failed', async () => {
    let works = false;
    const inner = loginOf(['alice']);
    const { check } = passwordCheckOf({
      find: (name) => inner.find(name),
      async check(name, password) {
        if (!works) throw new Error('not now');
        return await inner.check(name, password);
      },
    });
    await assert.rejects(check('alice', passwordOf('alice')), /not now/);
    works = true;
    assert.ok(await check('alice', passwordOf('alice')));
  });

  it('a password that changes during its check gives nothing to the new one', async () => {
    const [begun, gate] = [new Gate(), new Gate()];
    const inner = loginOf(['alice']);
    const { check } = passwordCheckOf({
      find: (name) => inner.find(name),
      async check(name, password) {
        const right = await inner.check(name, password);
        begun.open();
        await gate.opened;
        return right;
      },
    });
    const before = (await inner.find('alice'))?.stamp;
    const checked = check('alice', passwordOf('alice'));
    await begun.opened;
    inner.passwords.set('alice', secret('newer'));
    gate.open();
    assert.equal((await checked)?.stamp, before);
  });
});

describe('wrong passwords', () => {
  // id: s19-guesses-wait
  it('wrong passwords for one user wait longer and longer, from the fourth on', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    for (let at = 0; at < 10; at++) await check('alice', secret(`guess-${at}`), { peer: `10.0.0.${at}` });
    assert.deepEqual(clock.slept, [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
  });

  it('wrong passwords for unknown users wait alike', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    for (let at = 0; at < 5; at++) await check('nobody', secret(`guess-${at}`), { peer: `10.0.0.${at}` });
    assert.deepEqual(clock.slept, [250, 500]);
  });

  it('wrong passwords from one address wait from the 21st on, for any users', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    for (let at = 0; at < 22; at++) await check(`user-${at}`, secret('guess'), { peer: '10.0.0.1' });
    assert.deepEqual(clock.slept, [250, 500]);
  });

  for (const proxy of ['127.0.0.1', '::ffff:127.0.0.1', '::1', undefined]) {
    it(`through a proxy at ${proxy} do not slow down its other clients`, async () => {
      const { check, clock } = passwordCheckOf(loginOf(['alice']));
      for (let at = 0; at < 50; at++) await check(`user-${at}`, secret('guess'), { peer: proxy });
      assert.ok(await check('alice', passwordOf('alice'), { peer: proxy }));
      assert.deepEqual(clock.slept, []);
    });
  }

  it('wrong passwords are forgiven with time', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    for (let at = 0; at < 4; at++) await check('alice', secret(`guess-${at}`));
    clock.move(25_000);
    clock.slept.length = 0;
    await check('alice', secret('guess'));
    await check('alice', secret('guess'));
    assert.deepEqual(clock.slept, [250]);
  });

  it('the right password removes the waits for the wrong ones', async () => {
    const { check, clock } = passwordCheckOf(loginOf(['alice']));
    for (let at = 0; at < 4; at++) await check('alice', secret(`guess-${at}`));
    await check('alice', passwordOf('alice'));
    clock.slept.length = 0;
    await check('alice', secret('guess'));
    assert.deepEqual(clock.slept, []);
  });
});

interface Guessed {
  readonly passwords: ReturnType<typeof passwordCheckOf>;
  /** The passwords that the login has checked. */
  readonly looked: readonly string[];
  /** The attempt that waits for its turn, if any. */
  readonly attempt: (
    name: string,
    password: string,
    caller: PasswordCaller,
  ) => Promise<{ readonly checked: Promise<unknown> }>;
  /** Wrong passwords for alice that wait for their turn. */
  readonly guesses: (count: number, callerOf: (at: number) => PasswordCaller) => Promise<Promise<unknown>[]>;
  /** Lets the login check passwords again. */
  readonly go: () => void;
}

/** A check with a login that pauses, and users that others have guessed at. */
async function guessed(maxWaiting?: number): Promise<Guessed> {
  const inner = loginOf(['alice', 'bob']);
  const [looked, gate]: [string[], Gate] = [[], new Gate()];
  let held = false;
  const login: UserDirectory = {
    find: (name) => inner.find(name),
    async check(name, password) {
      looked.push(password);
      if (held) await gate.opened;
      return inner.check(name, password);
    },
  };
  const clock = standingClock();
  const options = { key, clock, ...(maxWaiting === undefined ? {} : { maxWaiting }) };
  const passwords = { ...createPasswordCheck(login, options), clock };
  for (const name of ['alice', 'bob']) {
    for (let at = 0; at < 4; at++)
      await passwords.check(name, secret(`early-${at}`), { peer: `10.1.1.${at}` });
  }
  looked.length = 0;
  held = true;
  // Each attempt has slept or was refused before it waits for its turn.
  let come = clock.slept.length;
  let refused = 0;
  const begin = (name: string, password: string, caller: PasswordCaller): Promise<unknown> => {
    const checked = passwords.check(name, password, caller);
    checked.catch(() => refused++);
    come++;
    return checked;
  };
  const arrived = async (): Promise<void> => {
    while (clock.slept.length + refused < come) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    passwords,
    looked,
    async attempt(name, password, caller) {
      const checked = begin(name, password, caller);
      await arrived();
      return { checked };
    },
    async guesses(count, callerOf) {
      const all = Array.from({ length: count }, (_, at) =>
        begin('alice', secret(`many-${at}`), callerOf(at)),
      );
      await arrived();
      return all;
    },
    go: gate.open,
  };
}

describe('a right password among guesses', () => {
  const right = passwordOf('alice');
  const rows: readonly (readonly [
    what: string,
    guesser: (at: number) => string,
    own: readonly [name: string, peer: string],
    before: number,
  ])[] = [
    ['of another address, one look', () => '10.0.0.9', ['alice', '10.0.0.1'], 1],
    [
      'of another address, a look at each that guesses',
      (at) => `10.0.${at % 10}.9`,
      ['alice', '10.9.0.1'],
      10,
    ],
    ['of another network, one look', (at) => `2001:db8:0:0::${at}`, ['alice', '2001:db8:0:1::1'], 1],
    ['of the same address, those that came earlier', () => '10.0.0.9', ['alice', '10.0.0.9'], 300],
    ['behind a proxy, one look at another user’s', () => '127.0.0.1', ['bob', '127.0.0.1'], 1],
  ];
  for (const [what, guesser, [name, peer], before] of rows) {
    it(`guess-lockout: a right password among guesses gets in, and waits if it is ${what}`, async () => {
      const { looked, attempt, guesses, go } = await guessed();
      const others = await guesses(300, (at) => ({ peer: guesser(at) }));
      const { checked } = await attempt(name, passwordOf(name), { peer });
      go();
      assert.ok(await checked);
      // Four attempts are being checked when it arrives.
      assert.ok(
        looked.indexOf(passwordOf(name)) <= 4 + before,
        `${looked.indexOf(passwordOf(name))} before it`,
      );
      await Promise.all(others);
    });
  }

  it('guess-lockout: a password that was right before goes ahead of all, an hour later', async () => {
    const { passwords, looked, guesses, go } = await guessed();
    go();
    assert.ok(await passwords.check('alice', right, { peer: '10.0.0.1' }));
    passwords.clock.move(3_600_000);
    for (let at = 0; at < 10; at++)
      await passwords.check('alice', secret(`again-${at}`), { peer: `10.2.2.${at}` });
    const others = await guesses(300, () => ({ peer: '10.0.0.9' }));
    const [slept, before] = [passwords.clock.slept.length, looked.length];
    assert.ok(await passwords.check('alice', right, { peer: '10.0.0.9' }));
    assert.equal(passwords.clock.slept.length, slept);
    assert.ok(looked.lastIndexOf(right) <= before + 4);
    await Promise.all(others);
  });

  it('guess-lockout: a right password finds a place to wait, though one address takes all of its places', async () => {
    const { attempt, guesses, go } = await guessed(20);
    const outcomes = Promise.allSettled(await guesses(30, () => ({ peer: '10.0.0.9' })));
    const { checked } = await attempt('alice', right, { peer: '10.0.0.1' });
    go();
    assert.ok(await checked);
    const reasons = (await outcomes).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    assert.equal(reasons.length, 20, 'half of the places are for one address');
    assert.ok(reasons.every((reason) => isGantryError(reason, 'TOOMANYREQUESTS')));
  });

  it('guess-lockout: a right password does not wait for clients that have gone', async () => {
    const { looked, attempt, guesses, go } = await guessed();
    const gone = new AbortController();
    const others = await guesses(50, () => ({ peer: '10.0.0.9', signal: gone.signal }));
    const outcomes = Promise.allSettled(others);
    gone.abort();
    assert.ok((await outcomes).every(({ status }) => status === 'rejected'));
    const { checked } = await attempt('alice', right, { peer: '10.0.0.9' });
    go();
    assert.ok(await checked);
    assert.equal(looked.length, 4 + 1);
  });
});
