import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { sourceAddressOf } from '../access/source.ts';
import { createShares } from '../shares.ts';

/** The connections of a server and their running exchanges. */
export interface ConnectionTracker {
  /**
   * Adds an exchange to its connection. Calls `onGone` when the connection has closed earlier: Node does not report
   * that to an answer that waits for an earlier one.
   */
  begin(socket: Socket, onGone: () => void): Turn;
  /**
   * Closes the connections without an exchange, including those that never sent a request: Node's own list lacks these.
   */
  endIdle(): void;
}

/** The place of an exchange among those of its connection. */
export interface Turn {
  /** Resolves when the earlier exchanges have ended, or the connection has closed. */
  readonly come: Promise<void>;
  readonly end: () => void;
}

export interface ConnectionTrackerOptions {
  /** Maximum number of connections. */
  readonly limit: number;
}

/** Requests that a connection may send before their answers. Few clients send any. */
const maxAhead = 64;

interface Connection {
  readonly socket: Socket;
  readonly exchanges: Set<() => void>;
  /** Resolves when the latest exchange has ended. */
  last: Promise<void>;
}

/**
 * Accepts connections while places are free; no single other machine can take all of them. Serves the requests of a
 * connection one after the other: Node passes on all requests that arrive in one piece, and thousands of blobs would be
 * opened for a client that reads none of them.
 */
export function trackConnections(server: Server, { limit }: ConnectionTrackerOptions): ConnectionTracker {
  // Keyed by the remote end: with TLS, an exchange has another socket than the accepted one.
  const open = new Map<string, Connection>();
  const places = createShares(limit);
  server.on('connection', (socket) => {
    const leave = places.take(sourceAddressOf(socket.remoteAddress));
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
