import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createRoundGate, type RoundGate } from '../test/counts/rounds.ts';
import { startLane } from './lane.ts';
import { requestReader } from './requests.ts';

/** What lies between a client and its registries. */
export interface Shape {
  /** Round-trip time in milliseconds: a connection takes one to stand, and a question one to be answered. */
  readonly rtt?: number;
  /** Bytes a second that each connection carries in each direction. */
  readonly bandwidth?: number;
}

/** What went through a network. */
export interface Traffic {
  readonly requests: number;
  readonly connections: number;
  /** Bytes that the client sent, and that it received. */
  readonly sent: number;
  readonly received: number;
  /** Answers that had to be waited for one after the other, where that was counted. */
  readonly depth?: number;
}

export interface Network extends AsyncDisposable {
  /** Another name, `127.0.0.1:PORT`, for a server that listens on this machine. */
  front(host: string): Promise<string>;
  /** What went through since the last time. */
  take(): Traffic;
}

/**
 * A network that counts, and is as slow as it is told. It carries bytes and doesn't touch them: what a client and a
 * server do to spare a round trip, or fail to do, shows as it would on a real one. With `depth` it answers in rounds
 * instead, which takes long and tells nothing of time.
 */
export function createNetwork(
  { rtt = 0, bandwidth = Infinity }: Shape,
  { depth = false }: { readonly depth?: boolean } = {},
): Network {
  const gate = depth ? createRoundGate() : undefined;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
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
    const shape = { delay: rtt / 2, bandwidth, opens: performance.now() + rtt };
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

/** The questions of one connection, and whether their answers may go on. */
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
