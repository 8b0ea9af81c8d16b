import { connect, createServer, type Socket } from 'node:net';
import { listenAnywhere } from './listen.ts';

/** A proxy in front of a server of this machine, which counts bytes and changes none. */
export interface CountingProxy extends AsyncDisposable {
  /** `127.0.0.1:40000` */
  readonly host: string;
  /** The bytes from clients and to clients. */
  readonly counts: Readonly<Record<Direction, number>>;
  /** Resolves when so many further bytes have passed in this direction. */
  passed(direction: Direction, bytes: number): Promise<void>;
}

export type Direction = 'sent' | 'received';

/** Starts a proxy. It holds few bytes, so the bytes that a killed client has not seen are those in the sockets. */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const counts = { sent: 0, received: 0 };
  const waiting = new Set<() => void>();
  const sockets = new Set<Socket>();
  const carry = (from: Socket, to: Socket, direction: Direction): void => {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      counts[direction] += chunk.byteLength;
      for (const look of waiting) look();
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      if (!from.readableEnded) to.destroy();
    });
  };
  const [name = '', port = ''] = target.split(':');
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host: name, port: Number(port), noDelay: true, allowHalfOpen: true });
    carry(client, upstream, 'sent');
    carry(upstream, client, 'received');
  });
  return {
    host: `127.0.0.1:${await listenAnywhere(server)}`,
    counts,
    passed(direction, bytes) {
      const until = counts[direction] + bytes;
      return new Promise((resolve) => {
        const look = (): void => {
          if (counts[direction] < until) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
      });
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
