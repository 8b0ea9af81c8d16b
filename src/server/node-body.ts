import type { IncomingMessage } from 'node:http';
import { isGantryError, TransportError } from '../errors.ts';
import { type Content, streamContent } from '../flow/content.ts';
import { contentLength } from '../wire/headers.ts';
import { within } from './node-idle.ts';

export interface RequestBody {
  readonly content: Content;
  /** What of it is still to come: a `little` is sooner taken in than a new connection is made. */
  unread(): 'nothing' | 'little' | 'much';
  /** Drops what is still on its way, for a while: a connection that is closed over unread bytes loses its last answer. */
  linger(): Promise<void>;
}

/** Bytes. */
const little = 64 * 1024;
/** How long a client may go on sending after an early answer, in milliseconds. */
const lingerTime = 5_000;

/** The body of a request; undefined if it has none. `onContinue` is called before the first byte is awaited. */
export function requestBody(
  incoming: IncomingMessage,
  idleTimeout: number,
  onContinue: (() => void) | undefined,
): RequestBody | undefined {
  const chunked = incoming.headers['transfer-encoding'] !== undefined;
  const size = contentLength({ 'content-length': incoming.headersDistinct['content-length'] ?? [] });
  if (!chunked && (size === undefined || size === 0)) return undefined;
  let waits = onContinue !== undefined;
  let left = size ?? Number.POSITIVE_INFINITY;
  async function* read(): AsyncIterable<Uint8Array> {
    onContinue?.();
    waits = false;
    for await (const chunk of received(incoming, idleTimeout)) {
      left -= chunk.byteLength;
      yield chunk;
    }
  }
  return {
    content: streamContent(read(), size === undefined ? {} : { size }),
    unread() {
      if (incoming.complete) return 'nothing';
      // A client that was never told to continue may send its body or not: the connection is of no more use.
      return waits || left > little ? 'much' : 'little';
    },
    linger: () => dropped(incoming),
  };
}

async function* received(incoming: IncomingMessage, idleTimeout: number): AsyncIterable<Uint8Array> {
  // A body that is given up must not take the connection with it: the answer goes over it.
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await within(chunks.next(), idleTimeout, 'the client sends nothing');
      if (next.done === true) return;
      yield next.value;
    }
  } catch (cause) {
    incoming.destroy();
    if (isGantryError(cause)) throw cause;
    throw new TransportError('CUT_OFF', "the request's body broke off", { cause });
  } finally {
    await chunks.return?.();
  }
}

function dropped(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, lingerTime);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    incoming.once('end', done).once('close', done).once('error', done);
    incoming.resume();
  });
}
