import type http from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * From here on the agent ends an idle connection as soon as bytes come over it: no request is out there, so they would be
 * taken for the answer to the next one.
 */
export function guardIdle(agent: http.Agent): void {
  // Runtimes that only resemble Node may lack both.
  if (!('keepSocketAlive' in agent && 'reuseSocket' in agent)) return;
  const keep = agent.keepSocketAlive.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  const guards = new WeakMap<Duplex, () => void>();
  agent.keepSocketAlive = (socket) => {
    guards.set(socket, endOnBytes(socket));
    // Node's types hide its answer, without which the connection is not kept.
    return keep(socket);
  };
  agent.reuseSocket = (socket, request) => {
    guards.get(socket)?.();
    reuse(socket, request);
  };
}

/** Ends the connection at the first byte that comes; the answer takes that back. */
export function endOnBytes(socket: Duplex): () => void {
  const end = (): void => {
    socket.destroy();
  };
  socket.on('data', end);
  return () => socket.off('data', end);
}
