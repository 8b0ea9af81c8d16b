import net from 'node:net';
import { targetOf } from '../../wire/target-uri.ts';
import type { Transport } from '../transport.ts';
import { direct } from './connector.ts';
import { sendOver } from './send-over.ts';

/** Options of `createLocalTransport`. */
export interface LocalTransportOptions {
  /**
   * Milliseconds until a connection must be established.
   * @defaultValue 30000
   */
  readonly connectWithin?: number | undefined;
}

/**
 * Creates a transport to the one server behind a socket file, or behind a named pipe of Windows. The URL of a request names
 * that server for messages only. Otherwise as `createNodeTransport`.
 */
export function createLocalTransport(
  path: string,
  { connectWithin = 30_000 }: LocalTransportOptions = {},
): Transport {
  const connector = direct((reading) => net.connect({ path, ...reading }), 'connect');
  return {
    async send(request) {
      request.signal?.throwIfAborted();
      return sendOver(connector, { request, target: targetOf(request), connectWithin });
    },
    async close() {
      connector.close();
    },
  };
}
