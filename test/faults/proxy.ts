import { connect, createServer, type Socket } from 'node:net';
import { listenAnywhere } from '../listening.ts';

/** What happens to a connection when so many bytes have gone through in one direction. */
export interface WireFault {
  readonly direction: Direction;
  /** Bytes, headers included, of all connections since the fault was set. */
  readonly after: number;
  /**
   * `cut`: both ends are reset. `stall`: nothing more moves either way, and nobody is told. `insert`: the text comes in
   * between, before the chunk in which that byte is.
   */
  readonly how: 'cut' | 'stall' | { readonly insert: string };
}

type Direction = 'request' | 'response';

/** Stands between a client and a server, counts what goes through, and spoils one connection. */
export interface TestProxy extends AsyncDisposable {
  /** Where it listens: `127.0.0.1:40000`. */
  readonly host: string;
  /** Bytes that have come from either side, headers included, whether they could be handed on or not. */
  readonly carried: Readonly<Record<Direction, number>>;
}

/** A proxy in front of `host` that strikes once, if there is a fault. */
export async function startProxy(host: string, fault?: WireFault): Promise<TestProxy> {
  const { hostname, port } = new URL(`http://${host}`);
  const carried = { request: 0, response: 0 };
  const sockets = new Set<Socket>();
  let pending = fault;

  const pass = (from: Socket, to: Socket, direction: Direction): void => {
    from.on('data', (chunk: Buffer) => {
      const before = carried[direction];
      carried[direction] += chunk.byteLength;
      if (pending?.direction !== direction || carried[direction] < pending.after) {
        if (!to.write(chunk)) from.pause();
        return;
      }
      const { how, after } = pending;
      pending = undefined;
      if (typeof how === 'object') {
        to.write(how.insert);
        if (!to.write(chunk)) from.pause();
        return;
      }
      from.pause();
      to.write(chunk.subarray(0, after - before), () => {
        if (how === 'cut') for (const socket of [from, to]) socket.resetAndDestroy();
        else to.pause();
      });
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    // Its 'close' follows, which is all that matters.
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
