import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Which connections of a server have an exchange under way. */
export interface Connections {
  whileBusy(socket: Socket, exchange: Promise<void>): Promise<void>;
  /** Ends the others, those too on which no request ever came: Node's own list does not have them. */
  endIdle(): void;
}

export function trackConnections(server: Server): Connections {
  // By their far end: over TLS, an exchange knows another socket than the one that was accepted.
  const open = new Map<string, { readonly socket: Socket; exchanges: number }>();
  server.on('connection', (socket) => {
    const key = keyOf(socket);
    const connection = { socket, exchanges: 0 };
    open.set(key, connection);
    socket.once('close', () => {
      if (open.get(key) === connection) open.delete(key);
    });
  });
  return {
    async whileBusy(socket, exchange) {
      const connection = open.get(keyOf(socket));
      if (connection === undefined) return await exchange;
      connection.exchanges++;
      await exchange;
      connection.exchanges--;
    },
    endIdle() {
      for (const { socket, exchanges } of open.values()) if (exchanges === 0) socket.destroySoon();
    },
  };
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
