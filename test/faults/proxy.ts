import { connect, createServer, type Socket } from 'node:net';
import { listenAnywhere } from '../../bench/support/listen.ts';

/** A fault of a connection after this number of bytes in one direction. */
export interface WireFault {
  readonly direction: Direction;
  /** The bytes of all connections since the fault was set, headers included. */
  readonly after: number;
  /**
   * `cut` resets both ends. `stall` stops all bytes in both directions without a message. `insert` adds the text before
   * the chunk with that byte.
   */
  readonly how: 'cut' | 'stall' | { readonly insert: string };
  /**
   * The fault strikes every connection after this number of its own bytes, and a cut delivers them. Default: one connection.
   */
  readonly everywhere?: true;
}

type Direction = 'request' | 'response';

/** A proxy between a client and a server that counts bytes and makes one connection fail. */
export interface TestProxy extends AsyncDisposable {
  /** The address that it listens on: `127.0.0.1:40000`. */
  readonly host: string;
  /** The bytes from either side, headers included; forwarded or not, unless a fault strikes everywhere. */
  readonly carried: Readonly<Record<Direction, number>>;
}

/** Starts a proxy in front of `host` that makes one connection fail, if a fault is given. */
export async function startProxy(host: string, fault?: WireFault): Promise<TestProxy> {
  const { hostname, port } = new URL(`http://${host}`);
  const carried = { request: 0, response: 0 };
  const sockets = new Set<Socket>();
  let pending = fault;

  const pass = (from: Socket, to: Socket, direction: Direction): void => {
    let own = 0;
    from.on('data', (chunk: Buffer) => {
      const before = pending?.everywhere === true ? own : carried[direction];
      own += chunk.byteLength;
      if (pending?.direction !== direction || before + chunk.byteLength < pending.after) {
        carried[direction] += chunk.byteLength;
        if (!to.write(chunk)) from.pause();
        return;
      }
      const { how, after, everywhere = false } = pending;
      carried[direction] += everywhere ? after - before : chunk.byteLength;
      if (!everywhere) pending = undefined;
      if (typeof how === 'object') {
        to.write(how.insert);
        if (!to.write(chunk)) from.pause();
        return;
      }
      from.pause();
      to.write(chunk.subarray(0, after - before), () => {
        if (how === 'stall') {
          to.pause();
          return;
        }
        for (const socket of [from, to]) {
          if (everywhere) socket.destroy();
          else socket.resetAndDestroy();
        }
      });
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    // 'close' follows, and nothing else matters.
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    sockets.add(client).add(upstream);
    pass(client, upstream, 'request');
    pass(upstream, client, 'response');
  });
  return {
    host: `127.0.0.1:${await listenAnywhere(server)}`,
    carried,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
