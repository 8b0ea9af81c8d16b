import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Which connections of a server have an exchange under way. */
export interface Connections {
  whileBusy(socket: Socket, exchange: Promise<void>): Promise<void>;
  /** Ends the others, those too on which no request ever came: Node's own list does not have them. */
  endIdle(): void;
}

export function trackConnections(server: Server): Connections {
  const exchanges = new Map<Socket, number>();
  server.on('connection', (socket) => {
    exchanges.set(socket, 0);
    socket.once('close', () => exchanges.delete(socket));
  });
  const add = (socket: Socket, count: number): void => {
    const before = exchanges.get(socket);
    if (before !== undefined) exchanges.set(socket, before + count);
  };
  return {
    async whileBusy(socket, exchange) {
      add(socket, 1);
      await exchange;
      add(socket, -1);
    },
    endIdle() {
      for (const [socket, count] of exchanges) if (count === 0) socket.destroySoon();
    },
  };
}
