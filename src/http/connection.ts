import type http from 'node:http';
import type { Socket } from 'node:net';
import { TransportError } from '../errors.ts';
import type { Connector } from './connector.ts';

/** The state of a request's connection, from which a failure is judged. */
interface Connection {
  isUp(): boolean;
  /** Called when bytes can be sent. */
  whenUp(react: () => void): void;
  /** Called when the connection proves to be of no use: bytes came before the request went out, or the runtime replaced it. */
  whenSpoilt(react: (reason: Error) => void): void;
  /** Whether the connection stood before the request, and this error says that it was dead or spoilt by then. */
  isStale(error: unknown): boolean;
  /** Whether the server gave up the idle connection, so that its answer is not one to this request. */
  isUnasked(answer: http.IncomingMessage): boolean;
}

/** Bytes of an answer that came before the request did: the connection is of no use, and the request is as before. */
export class UnaskedAnswer extends Error {
  override readonly message: string = 'it answered before it was asked';
}

/**
 * The runtime has taken another connection for the request by itself. Deno does where a kept one has died, and sends the
 * body again or not (denoland/deno#32006): without it the answer never comes.
 */
class ReplacedConnection extends Error {
  readonly code: string = 'ECONNRESET';
  override readonly message: string = 'its connection was closed and replaced by the runtime';
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
  /** Whether it stood before the request, which may be too long ago. */
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
    // Before the request went out any answer is one to nothing. A server may also have given the connection up when the
    // request was on its way already: RFC 9110, 15.5.9.
    isUnasked: ({ statusCode }) => old && (!up || (statusCode === 408 && !outgoing.shouldKeepAlive)),
  };
}

/** The event loop reads what has arrived between the two turns, whatever it is at now. */
function afterReading(act: () => void): void {
  setImmediate(() => setImmediate(act));
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
