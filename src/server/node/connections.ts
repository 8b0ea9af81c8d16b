import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Which connections of a server have an exchange under way. */
export interface Connections {
  /**
   * An exchange of the connection begins, until what is returned is called. `onGone`: the connection has ended before, which
   * Node does not tell an answer that waits for the one before it.
   */
  begin(socket: Socket, onGone: () => void): () => void;
  /** Ends the others, those too on which no request ever came: Node's own list does not have them. */
  endIdle(): void;
}

export function trackConnections(server: Server): Connections {
  // By their far end: over TLS, an exchange knows another socket than the one that was accepted.
  const open = new Map<string, { readonly socket: Socket; readonly exchanges: Set<() => void> }>();
  server.on('connection', (socket) => {
    const key = keyOf(socket);
    const connection = { socket, exchanges: new Set<() => void>() };
    open.set(key, connection);
    socket.once('close', () => {
      if (open.get(key) === connection) open.delete(key);
      for (const onGone of connection.exchanges) onGone();
    });
  });
  return {
    begin(socket, onGone) {
      const exchanges = open.get(keyOf(socket))?.exchanges;
      exchanges?.add(onGone);
      return () => void exchanges?.delete(onGone);
    },
    endIdle() {
      for (const { socket, exchanges } of open.values()) if (exchanges.size === 0) socket.destroySoon();
    },
  };
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
