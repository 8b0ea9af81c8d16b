import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { startLane } from './lane.ts';
import { requestReader } from './requests.ts';
import { createRoundGate, type RoundGate } from './support/rounds.ts';

/** The network between a client and its registries. */
export interface Shape {
  /** The round-trip time in milliseconds: opening a connection takes one, and so does a request. */
  readonly rtt?: number;
  /** The bytes a second that each connection carries in each direction. */
  readonly bandwidth?: number;
  /** One connection with a bandwidth of its own, by its number in the order of opening, from 1. */
  readonly slow?: { readonly connection: number; readonly bandwidth: number };
}

/** The traffic through a network. */
export interface Traffic {
  readonly requests: number;
  readonly connections: number;
  /** The bytes that the client sent. `received` counts the bytes that it got. */
  readonly sent: number;
  readonly received: number;
  /** The number of responses that the client waited for one after another, if it was counted. */
  readonly depth?: number;
}

export interface Network extends AsyncDisposable {
  /** Returns another name, `127.0.0.1:PORT`, for a server on this machine. */
  front(host: string): Promise<string>;
  /** Returns the traffic since the last call. */
  take(): Traffic;
}

/**
 * Creates a network that counts traffic, and is as slow as its shape demands. It carries bytes and never changes them,
 * so each round trip that a client or a server saves or wastes shows as on a real network. With `depth`, it responds in
 * rounds, which takes long and makes times meaningless.
 */
export function createNetwork(
  { rtt = 0, bandwidth = Infinity, slow }: Shape,
  { depth = false }: { readonly depth?: boolean } = {},
): Network {
  const gate = depth ? createRoundGate() : undefined;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  let opened = 0;
  let counts = { requests: 0, connections: 0, sent: 0, received: 0 };

  const carry = (client: Socket, target: string): void => {
    const [host = '', port = ''] = target.split(':');
    const server = connect({ host, port: Number(port), noDelay: true });
    client.setNoDelay(true);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        if (!socket.readableEnded) other.destroy();
      });
    }
    const exchange = createExchange(gate, () => counts.requests++);
    counts.connections++;
    opened++;
    const own = opened === slow?.connection ? slow.bandwidth : bandwidth;
    const shape = { delay: rtt / 2, bandwidth: own, opens: performance.now() + rtt };
    startLane(client, server, {
      ...shape,
      watch(chunk) {
        counts.sent += chunk.length;
        exchange.asks(chunk);
        return undefined;
      },
    });
    startLane(server, client, {
      ...shape,
      watch(chunk) {
        counts.received += chunk.length;
        return exchange.answers();
      },
    });
  };

  return {
    async front(target) {
      const server = createServer({ allowHalfOpen: true }, (client) => carry(client, target));
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      if (typeof address !== 'object' || address === null) throw new Error('no address');
      return `127.0.0.1:${address.port}`;
    },
    take() {
      const taken = counts;
      counts = { requests: 0, connections: 0, sent: 0, received: 0 };
      return gate === undefined ? taken : { ...taken, depth: gate.take().depth };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
    },
  };
}

/** The requests of one connection, and whether their responses may continue. */
interface Exchange {
  readonly asks: (chunk: Buffer) => void;
  readonly answers: () => Promise<void> | undefined;
}

function createExchange(gate: RoundGate | undefined, onRequest: () => void): Exchange {
  let waiting = false;
  const asks = requestReader((line) => {
    onRequest();
    gate?.ask(line);
    waiting = true;
  });
  return {
    asks,
    answers() {
      if (gate === undefined || !waiting) return undefined;
      waiting = false;
      return gate.hold();
    },
  };
}
