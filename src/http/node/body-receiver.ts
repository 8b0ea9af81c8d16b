import type { ClientRequest, IncomingMessage } from 'node:http';
import { TransportError } from '../../errors.ts';
import { onAbort } from '../../flow/abort.ts';
import type { HttpRequest, TargetUri } from '../../wire/message.ts';

interface Receiving {
  readonly request: HttpRequest;
  readonly target: TargetUri;
  readonly outgoing: ClientRequest;
  /** Whether the whole request was sent, so that the connection can serve another request. */
  readonly reusable: boolean;
}

/**
 * Yields the bytes of an answer as they arrive. Ending the iteration early, even before the first chunk, closes the
 * connection. Throws CUT_OFF when the connection ends before the body, and the signal's reason when the signal aborts.
 */
export function receiveBody(
  incoming: IncomingMessage,
  { request: { method, signal }, target, outgoing, reusable }: Receiving,
): AsyncIterable<Uint8Array> {
  let over = false;
  const release = onAbort(signal, () => incoming.destroy());
  const end = (): void => {
    if (over) return;
    over = true;
    release();
    if (!incoming.readableEnded) incoming.destroy();
    if (!reusable) outgoing.destroy();
  };
  // The reader sees this error later. Without a listener Node would discard it.
  incoming.on('error', release);
  if (isBodyless(method, incoming)) {
    // Nothing reads a body that cannot exist, and an unread body would block the connection.
    incoming.once('end', end).resume();
    return nothing;
  }

  const chunks: AsyncIterator<Uint8Array> = incoming[Symbol.asyncIterator]();
  const read = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    const next = await chunks.next();
    signal?.throwIfAborted();
    return next.done === true ? { done: true, value: undefined } : next;
  };
  const iterator: AsyncIterableIterator<Uint8Array, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      if (over) return { done: true, value: undefined };
      try {
        const next = await read();
        if (next.done === true) end();
        return next;
      } catch (error) {
        end();
        if (signal?.aborted) throw signal.reason;
        throw new TransportError(
          'CUT_OFF',
          `${target.host} closed the connection in the middle of its answer`,
          {
            cause: error,
          },
        );
      }
    },
    return() {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return iterator;
}

const nothing: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {},
};

function isBodyless(method: string, { statusCode, headers }: IncomingMessage): boolean {
  return method === 'HEAD' || statusCode === 204 || statusCode === 304 || headers['content-length'] === '0';
}
