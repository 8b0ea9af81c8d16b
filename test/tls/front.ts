import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { listenAnywhere } from '../../bench/support/listen.ts';

export interface Front extends AsyncDisposable {
  readonly port: number;
}

/** Ends TLS in front of the server at `backend`, as nginx does for many registries. */
export async function startFront(backend: string, options: tls.TlsOptions): Promise<Front> {
  const { hostname, port } = new URL(`http://${backend}`);
  const open = new Set<Socket>();
  const server = tls.createServer(options, (socket) =>
    join(socket, net.connect(Number(port), hostname), open),
  );
  // The test expects a client that leaves after the handshake.
  server.on('tlsClientError', () => undefined);
  return {
    port: await listenAnywhere(server),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Pipes each socket into the other until one of them ends. */
export function join(one: Socket, other: Socket, open: Set<Socket>): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    open.add(from);
    from.once('error', () => to.destroy());
    from.once('close', () => {
      open.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}
