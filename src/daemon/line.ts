import type { WireObserver } from '../http/event.ts';
import { log } from '../http/log.ts';
import { createLocalTransport } from '../http/node/local-transport.ts';
import { createNodeTransport } from '../http/node/transport.ts';
import { timeout } from '../http/timeout.ts';
import type { Transport } from '../http/transport.ts';
import { userAgent as withUserAgent } from '../http/user-agent.ts';
import type { Clock } from '../time/clock.ts';
import type { Endpoint } from './endpoint.ts';

/** Settings for the requests to a daemon. */
export interface DaemonLineOptions {
  /**
   * Milliseconds until a connection stands.
   * @defaultValue 30000
   */
  readonly connectWithin?: number | undefined;
  /**
   * The `User-Agent` of every request.
   * @defaultValue 'gantry'
   */
  readonly userAgent?: string | undefined;
  /**
   * Milliseconds for the answer to a question. A load and a save have an hour.
   * @defaultValue 60000
   */
  readonly answer?: number | undefined;
  /** Receives every request and response. */
  readonly onWire?: WireObserver | undefined;
  /**
   * The clock for the ends of silences.
   * @defaultValue the system's clock
   */
  readonly clock?: Clock | undefined;
}

/** Milliseconds for the first word about a load or a save: a daemon on a slow disk handles all layers before. */
export const longSilence: number = 60 * 60 * 1000;

/** Milliseconds that a body may stand still in either direction, while the daemon writes or reads one layer. */
const standstill = 15 * 60 * 1000;

/**
 * Makes the way to a daemon: timeout ▸ log ▸ transport. No request is sent twice: a socket of this machine loses none, and a
 * load may have happened although its answer is lost.
 */
export function openDaemonLine(
  { base, socket, tls }: Endpoint,
  { connectWithin, userAgent = 'gantry', answer, onWire, clock }: DaemonLineOptions = {},
): Transport {
  const transport =
    socket === undefined
      ? createNodeTransport({ tls, connectWithin })
      : createLocalTransport(socket, { connectWithin });
  const named = withUserAgent(userAgent)(transport.send);
  const logged = onWire === undefined ? named : log({ observe: onWire, clock })(named);
  const timed = timeout({ answer, progress: standstill, clock })(logged);
  return {
    send: (request) => timed({ ...request, url: `${base}${request.url}` }),
    close: () => transport.close(),
  };
}
