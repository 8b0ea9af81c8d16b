import type http from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Makes the agent close an idle connection as soon as bytes arrive on it. No request is under way then, so the bytes
 * would be taken for the answer to the next request.
 */
export function guardIdle(agent: http.Agent): void {
  // Runtimes that only resemble Node may lack both methods.
  if (!('keepSocketAlive' in agent && 'reuseSocket' in agent)) return;
  const keep = agent.keepSocketAlive.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  const guards = new WeakMap<Duplex, () => void>();
  agent.keepSocketAlive = (socket) => {
    guards.set(socket, endOnBytes(socket));
    // Node's types hide the return value. Without it the agent does not keep the connection.
    return keep(socket);
  };
  agent.reuseSocket = (socket, request) => {
    guards.get(socket)?.();
    reuse(socket, request);
  };
}

/** Closes the connection at the first byte that arrives. The returned function removes the guard. */
export function endOnBytes(socket: Duplex): () => void {
  const end = (): void => {
    socket.destroy();
  };
  socket.on('data', end);
  return () => socket.off('data', end);
}
