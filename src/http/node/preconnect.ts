import type http from 'node:http';
import { Socket } from 'node:net';
import { endOnBytes } from './idle.ts';

/** Connections to one origin that are opened before their requests. Each one saves a round trip. */
export interface Preconnections {
  /** Announces a number of concurrent requests and opens the connections that are missing for them. */
  preconnect(requests: number): void;
  /** Returns whether this connection was established before its request. */
  stood(socket: Socket): boolean;
  close(): void;
}

/** Maximum number of unused preconnections per origin, out of consideration for the server. */
const most = 24;
/** Milliseconds until an unused preconnection is closed. Servers close connections on which nothing is sent. */
const patience = 4000;

/** Makes the agent use a preconnection, opened with `options`, before it opens a new connection. */
export function addPreconnections(
  agent: http.Agent,
  options: http.ClientRequestArgs,
  opensWith: 'connect' | 'secureConnect',
): Preconnections {
  const connect = agent.createConnection.bind(agent);
  /** Each connection with the function that removes it from this map. */
  const preconnected = new Map<Socket, () => void>();
  const up = new WeakSet<Socket>();
  let closed = false;

  const add = (): void => {
    const socket = connect(options);
    if (!(socket instanceof Socket)) return;
    const giveUp = setTimeout(() => socket.destroy(), patience).unref();
    // A preconnection must not keep the process alive. Its failure is ignored, because the request that needs a
    // connection meets the same failure.
    socket.unref();
    socket.on('error', () => undefined);
    socket.once(opensWith, () => up.add(socket));
    const guarded = endOnBytes(socket);
    const forget = (): void => {
      clearTimeout(giveUp);
      guarded();
      preconnected.delete(socket);
    };
    preconnected.set(socket, forget);
    socket.once('close', forget);
  };
  const take = (): Socket | undefined => {
    for (const [socket, forget] of preconnected) {
      forget();
      if (!socket.destroyed) return socket.ref();
    }
    return undefined;
  };
  agent.createConnection = (own, callback) => take() ?? connect(own, callback);

  return {
    preconnect(requests) {
      if (closed) return;
      // Connections that are busy now will be free by then.
      const there = preconnected.size + countOf(agent.freeSockets) + countOf(agent.sockets);
      for (let has = there; has < requests && preconnected.size < most; has++) add();
    },
    stood: (socket) => up.has(socket),
    close() {
      closed = true;
      for (const socket of preconnected.keys()) socket.destroy();
    },
  };
}

function countOf(sockets: NodeJS.ReadOnlyDict<Socket[]>): number {
  return Object.values(sockets).reduce((sum, list = []) => sum + list.length, 0);
}
