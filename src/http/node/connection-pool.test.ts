import assert from 'node:assert/strict';
import net, { type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Connection } from './connection.ts';
import { type ConnectionPool, keepConnections } from './connection-pool.ts';
import { hasClosed, serveRaw, turns } from './stage.test.support.ts';

interface Stage {
  readonly pool: ConnectionPool;
  /** The client's ends of all connections so far, in order. */
  readonly dialed: Socket[];
  /** The server's ends. */
  readonly accepted: readonly Socket[];
}

async function stage(test: TestContext): Promise<Stage> {
  const dialed: Socket[] = [];
  const server = await serveRaw(test, (socket) => socket.resume());
  const pool = keepConnections({
    dial(reading) {
      const socket = net.connect({ port: server.port, host: '127.0.0.1', ...reading });
      dialed.push(socket);
      return socket;
    },
    opensWith: 'connect',
  });
  return { pool, dialed, accepted: server.sockets };
}

const isUp = (connection: Connection): Promise<void> =>
  new Promise((resolve) => connection.whenUp(() => resolve()));

describe('the connections to one origin', () => {
  it('the kept connection that was used last serves the next request', async (test) => {
    const { pool, dialed } = await stage(test);
    const [one, two] = [pool.take({ fresh: false }), pool.take({ fresh: false })];
    await Promise.all([isUp(one), isUp(two)]);
    pool.keep(one);
    pool.keep(two);
    assert.equal(pool.take({ fresh: false }), two);
    assert.equal(pool.take({ fresh: false }), one);
    assert.equal(dialed.length, 2);
    one.destroy();
    two.destroy();
  });

  it('a fresh connection is a new one although others are free', async (test) => {
    const { pool, dialed } = await stage(test);
    const one = pool.take({ fresh: false });
    await isUp(one);
    pool.keep(one);
    const fresh = pool.take({ fresh: true });
    assert.notEqual(fresh, one);
    assert.equal(fresh.stood, false);
    assert.equal(dialed.length, 2);
    pool.close();
    fresh.destroy();
  });

  it('a taken connection says whether it existed before its request', async (test) => {
    const { pool } = await stage(test);
    const one = pool.take({ fresh: false });
    assert.equal(one.stood, false);
    await isUp(one);
    pool.keep(one);
    assert.equal(pool.take({ fresh: false }).stood, true);
    one.destroy();
  });

  for (const [allowed, rest] of [
    [undefined, 30_000],
    [60_000, 30_000],
    [5000, 4000],
    [1001, 1],
  ] as const) {
    it(`a connection that the server keeps for ${allowed ?? 'an unknown number of'} ms is kept for ${rest} ms`, async (test) => {
      const { pool, dialed } = await stage(test);
      const one = pool.take({ fresh: false });
      await isUp(one);
      pool.keep(one, allowed);
      assert.equal(dialed[0]?.timeout, rest);
      assert.equal(pool.take({ fresh: false }), one);
      assert.equal(dialed[0]?.timeout, 0);
      one.destroy();
    });
  }

  for (const allowed of [0, 500, 1000]) {
    it(`a connection that the server keeps for ${allowed} ms is closed`, async (test) => {
      const { pool, dialed } = await stage(test);
      const one = pool.take({ fresh: false });
      await isUp(one);
      pool.keep(one, allowed);
      assert.equal(one.isClosed, true);
      assert.equal(dialed[0]?.destroyed, true);
      assert.notEqual(pool.take({ fresh: false }), one);
      pool.close();
    });
  }

  it('a kept connection ends with its time, and is not taken any more', async (test) => {
    const { pool, dialed, accepted } = await stage(test);
    const one = pool.take({ fresh: false });
    await isUp(one);
    pool.keep(one);
    dialed[0]?.emit('timeout');
    assert.equal(one.isClosed, true);
    const other = pool.take({ fresh: false });
    assert.notEqual(other, one);
    await isUp(other);
    const [first] = accepted;
    assert.ok(first);
    await hasClosed(first);
    other.destroy();
  });

  it('an announced connection waits four seconds for its request', async (test) => {
    const { pool, dialed } = await stage(test);
    pool.announce(1);
    assert.equal(dialed[0]?.timeout, 4000);
    const one = pool.take({ fresh: false });
    assert.equal(dialed[0]?.timeout, 0);
    assert.equal(dialed.length, 1);
    one.destroy();
  });

  it('announced requests open the connections that busy, kept and announced ones leave missing', async (test) => {
    const { pool, dialed } = await stage(test);
    const [busy, kept] = [pool.take({ fresh: false }), pool.take({ fresh: false })];
    await isUp(kept);
    pool.keep(kept);
    pool.announce(3);
    assert.equal(dialed.length, 3);
    pool.announce(3);
    assert.equal(dialed.length, 3);
    busy.destroy();
    pool.announce(3);
    assert.equal(dialed.length, 4);
    pool.close();
  });

  it('a connection that is closed twice counts once', async (test) => {
    const { pool, dialed } = await stage(test);
    const [one, two] = [pool.take({ fresh: false }), pool.take({ fresh: false })];
    await Promise.all([isUp(one), isUp(two)]);
    one.destroy();
    one.destroy(new Error('again'));
    pool.keep(one);
    pool.announce(2);
    assert.equal(dialed.length, 3);
    pool.announce(2);
    assert.equal(dialed.length, 3);
    two.destroy();
    pool.close();
  });

  it('closing ends busy, kept and announced connections, and opens none for announced requests', async (test) => {
    const { pool, dialed } = await stage(test);
    const [busy, kept] = [pool.take({ fresh: false }), pool.take({ fresh: false })];
    await Promise.all([isUp(busy), isUp(kept)]);
    pool.keep(kept);
    pool.announce(4);
    const end = new Promise((resolve) => {
      busy.receive({ bytes: () => true, end: resolve });
    });
    pool.close();
    assert.ok((await end) instanceof Error);
    assert.deepEqual(
      dialed.map((socket) => socket.destroyed),
      [true, true, true, true],
    );
    pool.announce(5);
    assert.equal(dialed.length, 4);
    const late = pool.take({ fresh: false });
    await isUp(late);
    pool.keep(late);
    assert.equal(late.isClosed, true);
  });
});

describe('a connection', () => {
  it('a connection whose socket cannot be made tells its receiver the error', async () => {
    const mine = new Error('no socket');
    for (const dial of [
      () => {
        throw mine;
      },
      () => Promise.reject(mine),
    ]) {
      const connection = new Connection({ dial, opensWith: 'connect' });
      const error = await new Promise((resolve) => {
        connection.receive({ bytes: () => true, end: resolve });
      });
      assert.equal(error, mine);
      assert.equal(connection.isClosed, true);
    }
  });

  it('a receiver that comes after the end hears of the end', async (test) => {
    const { pool, accepted } = await stage(test);
    const one = pool.take({ fresh: false });
    await isUp(one);
    while (accepted.length === 0) await turns(1);
    accepted[0]?.destroy();
    while (!one.isClosed) await turns(1);
    await new Promise<void>((resolve) => {
      one.receive({ bytes: () => true, end: () => resolve() });
    });
    assert.equal(await one.write('late'), false);
  });

  it('a socket that comes after its connection was destroyed is destroyed', async (test) => {
    const { accepted, dialed } = await stage(test);
    const server = await serveRaw(test, (socket) => socket.resume());
    let hand: ((socket: Socket) => void) | undefined;
    let wasTold = false;
    const connection = new Connection({
      dial: (_, ended) => {
        ended(() => {
          wasTold = true;
        });
        return new Promise((resolve) => {
          hand = resolve;
        });
      },
      opensWith: 'connect',
    });
    connection.destroy();
    assert.equal(wasTold, true);
    const late = net.connect(server.port, '127.0.0.1');
    hand?.(late);
    await hasClosed(late);
    assert.deepEqual([accepted.length, dialed.length], [0, 0]);
  });
});
