import type http from 'node:http';
import { Socket } from 'node:net';
import { endOnBytes } from './idle.ts';

/** Connections to one origin that are opened before there is a request for them: one more round trip is spared by each. */
export interface Preconnections {
  /** So many requests are about to come at once: opens what connections they lack. */
  preconnect(requests: number): void;
  /** Whether a request's connection stood before the request came. */
  stood(socket: Socket): boolean;
  close(): void;
}

/** Nobody is bothered with more that nobody uses yet. */
const most = 24;
/** Milliseconds until one that nobody took is given up: servers tell those off that come and say nothing. */
const patience = 4000;

/** From here on the agent gives its requests a spare connection, made as `options` say, before it makes a new one. */
export function addPreconnections(
  agent: http.Agent,
  options: http.ClientRequestArgs,
  opensWith: 'connect' | 'secureConnect',
): Preconnections {
  const connect = agent.createConnection.bind(agent);
  /** Each with what takes it out of here. */
  const preconnected = new Map<Socket, () => void>();
  const up = new WeakSet<Socket>();
  let closed = false;

  const add = (): void => {
    const socket = connect(options);
    if (!(socket instanceof Socket)) return;
    const giveUp = setTimeout(() => socket.destroy(), patience).unref();
    // It keeps no process from ending, and a failure is met again by the request that needs a connection.
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
      // Those that are busy now will be free by then.
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
