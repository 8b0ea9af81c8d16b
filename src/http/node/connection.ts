import type http from 'node:http';
import type { Socket } from 'node:net';
import { TransportError } from '../../errors.ts';
import type { Connector } from './connector.ts';

/** The state of a request's connection. It decides how a failure is classified. */
interface Connection {
  isUp(): boolean;
  /** Calls `react` when bytes can be sent. */
  whenUp(react: () => void): void;
  /**
   * Calls `react` when the connection turns out to be unusable: bytes arrived before the request was sent, or the
   * runtime replaced the connection.
   */
  whenSpoilt(react: (reason: Error) => void): void;
  /**
   * Returns whether the connection existed before the request and was, according to this error, dead or unusable by
   * then.
   */
  isStale(error: unknown): boolean;
  /** Returns whether the server closed the idle connection, so that this answer does not belong to the request. */
  isUnasked(answer: http.IncomingMessage): boolean;
}

/**
 * Bytes of an answer arrived before the request was sent. The connection is unusable; the request itself can still be
 * sent.
 */
export class UnaskedAnswer extends Error {
  override readonly message: string = 'bytes of an answer arrived before the request was sent';
}

/**
 * The runtime moved the request to another connection. Deno does this when a kept connection has died, and sends the
 * body again only in some cases (denoland/deno#32006). Without the body the answer never arrives.
 */
class ReplacedConnection extends Error {
  readonly code: string = 'ECONNRESET';
  override readonly message: string = 'the runtime replaced the closed connection';
}

export function watchConnection(
  outgoing: http.ClientRequest,
  {
    host,
    connector,
    connectWithin,
  }: { readonly host: string; readonly connector: Connector; readonly connectWithin: number },
): Connection {
  let up = false;
  let onUp: (() => void) | undefined;
  let onSpoilt: ((reason: Error) => void) | undefined;
  let socket: Socket | undefined;
  /** Whether the connection existed before the request, perhaps for too long. */
  let old = false;
  let readBefore = 0;
  const timer = setTimeout(() => {
    const message = `no connection to ${host} within ${connectWithin / 1000} s`;
    outgoing.destroy(new TransportError('TIMED_OUT', message));
  }, connectWithin);
  outgoing.once('close', () => clearTimeout(timer));
  const rise = (): void => {
    clearTimeout(timer);
    up = true;
    onUp?.();
  };
  const isUntouched = (): boolean => socket?.bytesRead === readBefore;
  outgoing.once('socket', (assigned) => {
    socket = assigned;
    readBefore = assigned.bytesRead;
    old = outgoing.reusedSocket || connector.stood(assigned);
    outgoing.on('socket', () => onSpoilt?.(new ReplacedConnection()));
    if (old) {
      clearTimeout(timer);
      afterReading(() => (isUntouched() ? rise() : onSpoilt?.(new UnaskedAnswer())));
    } else {
      assigned.once(connector.opensWith, rise);
    }
  });
  return {
    isUp: () => up,
    whenUp(react) {
      onUp = react;
      if (up) react();
    },
    whenSpoilt(react) {
      onSpoilt = react;
    },
    isStale: (error) => old && (!up || error instanceof UnaskedAnswer || (isReset(error) && isUntouched())),
    // Before the request is sent, no answer can belong to it. A server may also have closed the idle connection while
    // the request was already under way: RFC 9110, 15.5.9.
    isUnasked: ({ statusCode }) => old && (!up || (statusCode === 408 && !outgoing.shouldKeepAlive)),
  };
}

/** Waits for two turns of the event loop. In between, the loop reads all bytes that have arrived. */
function afterReading(act: () => void): void {
  setImmediate(() => setImmediate(act));
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
