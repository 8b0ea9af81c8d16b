import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../../test/secret.ts';
import { loginOf, passwordOf, standingClock } from '../../../test/server/access-stage.ts';
import { Gate } from '../ask.test.support.ts';
import { createBrake } from './brake.ts';
import { createDesk, type Desk } from './desk.ts';
import type { Login } from './login.ts';

const key = crypto.getRandomValues(new Uint8Array(32));

function deskOf(login: Login): Desk & { readonly clock: ReturnType<typeof standingClock> } {
  const clock = standingClock();
  return { ...createDesk(login, { key, clock }), clock };
}

describe('a right password', () => {
  it('is looked at once a minute, however many show it', async () => {
    const login = loginOf(['alice']);
    const { admit, clock } = deskOf(login);
    const admitted = await Promise.all(
      Array.from({ length: 200 }, () => admit('alice', passwordOf('alice'), '10.0.0.1')),
    );
    assert.ok(admitted.every((user) => user?.name === 'alice'));
    await admit('alice', passwordOf('alice'), '10.0.0.2');
    assert.equal(login.checks, 1);
    clock.move(60_001);
    await admit('alice', passwordOf('alice'), '10.0.0.1');
    assert.equal(login.checks, 2);
  });

  it('counts no longer when it has changed or the user has gone', async () => {
    const login = loginOf(['alice']);
    const { admit } = deskOf(login);
    assert.ok(await admit('alice', passwordOf('alice'), undefined));
    login.passwords.set('alice', secret('new'));
    assert.equal(await admit('alice', passwordOf('alice'), undefined), undefined);
    assert.ok(await admit('alice', secret('new'), undefined));
    login.passwords.delete('alice');
    assert.equal(await admit('alice', secret('new'), undefined), undefined);
  });

  it('never waits once it was shown, whatever others guess meanwhile', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    await admit('alice', passwordOf('alice'), '10.0.0.1');
    for (let at = 0; at < 30; at++) await admit('alice', secret(`guess-${at}`), '10.0.0.9');
    clock.slept.length = 0;
    assert.ok(await admit('alice', passwordOf('alice'), '10.0.0.9'));
    assert.deepEqual(clock.slept, []);
  });

  it('waits 4 seconds at most where others have guessed', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    for (let at = 0; at < 100; at++) await admit('alice', secret(`guess-${at}`), '10.0.0.9');
    clock.slept.length = 0;
    assert.ok(await admit('alice', passwordOf('alice'), '10.0.0.1'));
    assert.deepEqual(clock.slept, [4_000]);
  });

  it('is none if it or the name is longer than anybody’s', async () => {
    const login = loginOf(['alice']);
    const { admit } = deskOf(login);
    assert.equal(await admit('alice', 'x'.repeat(1025), undefined), undefined);
    assert.equal(await admit('x'.repeat(1025), passwordOf('alice'), undefined), undefined);
    assert.equal(login.checks, 0);
  });

  it('is looked at again where the login had failed', async () => {
    let works = false;
    const inner = loginOf(['alice']);
    const { admit } = deskOf({
      find: (name) => inner.find(name),
      async check(name, password) {
        if (!works) throw new Error('not now');
        return await inner.check(name, password);
      },
    });
    await assert.rejects(admit('alice', passwordOf('alice'), undefined), /not now/);
    works = true;
    assert.ok(await admit('alice', passwordOf('alice'), undefined));
  });

  it('that changes while it is looked at lends nothing to the new one', async () => {
    const [begun, gate] = [new Gate(), new Gate()];
    const inner = loginOf(['alice']);
    const { admit } = deskOf({
      find: (name) => inner.find(name),
      async check(name, password) {
        const right = await inner.check(name, password);
        begun.open();
        await gate.opened;
        return right;
      },
    });
    const before = (await inner.find('alice'))?.stamp;
    const admitted = admit('alice', passwordOf('alice'), undefined);
    await begun.opened;
    inner.passwords.set('alice', secret('newer'));
    gate.open();
    assert.equal((await admitted)?.stamp, before);
  });
});

describe('wrong passwords', () => {
  it('for one user wait longer and longer, from the fourth on', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    for (let at = 0; at < 10; at++) await admit('alice', secret(`guess-${at}`), `10.0.0.${at}`);
    assert.deepEqual(clock.slept, [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
  });

  it('for users that nobody is wait alike', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    for (let at = 0; at < 5; at++) await admit('nobody', secret(`guess-${at}`), `10.0.0.${at}`);
    assert.deepEqual(clock.slept, [250, 500]);
  });

  it('from one address wait from the 21st on, whoever they are for', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    for (let at = 0; at < 22; at++) await admit(`user-${at}`, secret('guess'), '10.0.0.1');
    assert.deepEqual(clock.slept, [250, 500]);
  });

  for (const proxy of ['127.0.0.1', '::ffff:127.0.0.1', '::1', undefined]) {
    it(`through a proxy at ${proxy} do not slow down its other clients`, async () => {
      const { admit, clock } = deskOf(loginOf(['alice']));
      for (let at = 0; at < 50; at++) await admit(`user-${at}`, secret('guess'), proxy);
      assert.ok(await admit('alice', passwordOf('alice'), proxy));
      assert.deepEqual(clock.slept, []);
    });
  }

  it('are forgiven with time', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    for (let at = 0; at < 4; at++) await admit('alice', secret(`guess-${at}`), undefined);
    clock.move(25_000);
    clock.slept.length = 0;
    await admit('alice', secret('guess'), undefined);
    await admit('alice', secret('guess'), undefined);
    assert.deepEqual(clock.slept, [250]);
  });

  it('are forgotten with the right one', async () => {
    const { admit, clock } = deskOf(loginOf(['alice']));
    for (let at = 0; at < 4; at++) await admit('alice', secret(`guess-${at}`), undefined);
    await admit('alice', passwordOf('alice'), undefined);
    clock.slept.length = 0;
    await admit('alice', secret('guess'), undefined);
    assert.deepEqual(clock.slept, []);
  });
});

describe('a brake', () => {
  it('lets 16 wait for one key, and sends the others away', async () => {
    const gate = new Gate();
    const brake = createBrake({ free: 0, clock: { now: () => 0, sleep: () => gate.opened } });
    brake.failed('a');
    const waiting = Array.from({ length: 16 }, () => brake.wait('a'));
    await assert.rejects(brake.wait('a'), { code: 'TOOMANYREQUESTS' });
    gate.open();
    await Promise.all(waiting);
    await brake.wait('a');
  });

  it('remembers the last 10,000 keys and no more', async () => {
    const clock = standingClock();
    const brake = createBrake({ free: 1, clock });
    brake.failed('first');
    for (let at = 0; at < 10_000; at++) brake.failed(`key-${at}`);
    await brake.wait('first');
    assert.deepEqual(clock.slept, []);
    await brake.wait('key-0');
    assert.deepEqual(clock.slept, [250]);
  });
});
