import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { sourceOf } from '../access/source.ts';
import { createShares } from '../shares.ts';

/** The connections of a server, and what they have under way. */
export interface ConnectionTracker {
  /**
   * An exchange of the connection begins. `onGone`: the connection has ended before, which Node does not tell an answer that
   * waits for the one before it.
   */
  begin(socket: Socket, onGone: () => void): Turn;
  /** Ends the connections without an exchange, those too on which no request ever came: Node's own list does not have them. */
  endIdle(): void;
}

/** An exchange's place among those of its connection. */
export interface Turn {
  /** Settles when the exchanges before it have ended, or the connection has. */
  readonly come: Promise<void>;
  readonly end: () => void;
}

export interface ConnectionTrackerOptions {
  /** Connections at once. */
  readonly limit: number;
}

/** Requests that a connection may send ahead of its answers; few clients send any. */
const maxAhead = 64;

interface Connection {
  readonly socket: Socket;
  readonly exchanges: Set<() => void>;
  /** Settles when the last exchange that has begun has ended. */
  last: Promise<void>;
}

/**
 * Takes connections as long as there are places, of which no other machine takes all. The requests of one connection are
 * served one after the other: Node hands over all that came in one piece, and thousands of blobs would be opened for a
 * client that reads none of them.
 */
export function trackConnections(server: Server, { limit }: ConnectionTrackerOptions): ConnectionTracker {
  // By their far end: over TLS, an exchange knows another socket than the one that was accepted.
  const open = new Map<string, Connection>();
  const places = createShares(limit);
  server.on('connection', (socket) => {
    const leave = places.take(sourceOf(socket.remoteAddress));
    if (leave === undefined) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const connection = { socket, exchanges: new Set<() => void>(), last: Promise.resolve() };
    open.set(key, connection);
    socket.once('close', () => {
      leave();
      if (open.get(key) === connection) open.delete(key);
      for (const onGone of connection.exchanges) onGone();
    });
  });
  return {
    begin(socket, onGone) {
      const connection = open.get(keyOf(socket));
      if (connection === undefined) return { come: Promise.resolve(), end: () => undefined };
      const { exchanges, last: come } = connection;
      let settle: (() => void) | undefined;
      connection.last = new Promise((resolve) => {
        settle = resolve;
      });
      exchanges.add(onGone);
      if (exchanges.size > maxAhead) connection.socket.destroy();
      return {
        come,
        end() {
          exchanges.delete(onGone);
          settle?.();
        },
      };
    },
    endIdle() {
      for (const { socket, exchanges } of open.values()) if (exchanges.size === 0) socket.destroySoon();
    },
  };
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
