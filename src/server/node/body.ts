import type { IncomingMessage } from 'node:http';
import { isGantryError, TransportError } from '../../errors.ts';
import { type Content, streamContent } from '../../flow/content.ts';
import { contentLength } from '../../wire/headers.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { createIdle } from './idle.ts';

export interface RequestBody {
  readonly content: Content;
  /** Returns the number of bytes that were read. */
  received(): number;
  /** Returns how much of the body is still to come. Reading a `little` takes less time than a new connection. */
  unread(): 'nothing' | 'little' | 'much';
  /** Discards the rest of the body for a while: closing a connection with unread bytes can lose the answer. */
  linger(): Promise<void>;
  /** Call after the answer: closes the connection unless the rest of the body arrives within the same time. */
  endLate(): void;
}

export interface RequestBodyOptions {
  /** Milliseconds without a byte. */
  readonly idle: number;
  /** Called before the first byte is awaited. */
  readonly onContinue: (() => void) | undefined;
}

/** Bytes. */
const little = 64 * 1024;
/** Milliseconds for which a client may continue to send after an early answer. */
const lingerTime = 5_000;

/** Returns the body of a request, or undefined without one. */
export function requestBody(
  incoming: IncomingMessage,
  headers: HeaderMap,
  { idle, onContinue }: RequestBodyOptions,
): RequestBody | undefined {
  const size = contentLength(headers);
  const chunked = headers['transfer-encoding'] !== undefined;
  if (!chunked && (size === undefined || size === 0)) return undefined;
  let waits = onContinue !== undefined;
  let received = 0;
  async function* read(): AsyncIterable<Uint8Array> {
    onContinue?.();
    waits = false;
    for await (const chunk of chunksOf(incoming, idle)) {
      received += chunk.byteLength;
      yield chunk;
    }
  }
  return {
    content: streamContent(read(), size === undefined ? {} : { size }),
    received: () => received,
    unread() {
      if (incoming.complete) return 'nothing';
      // A client that never received 100 may or may not send its body, so the connection cannot be reused.
      return waits || (size ?? Number.POSITIVE_INFINITY) - received > little ? 'much' : 'little';
    },
    linger: () => dropped(incoming),
    endLate: () => endLate(incoming),
  };
}

function endLate(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  const { socket } = incoming;
  const timer = setTimeout(() => socket.destroy(), lingerTime);
  const done = (): void => clearTimeout(timer);
  incoming.once('end', done).once('close', done);
  socket.once('close', done);
}

/** Bytes. A client that sends fewer within the idle time only holds its connection. */
const leastProgress = 1024;

async function* chunksOf(incoming: IncomingMessage, milliseconds: number): AsyncIterable<Uint8Array> {
  // A cancelled body must not close the connection, which carries the answer.
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  const idle = createIdle(milliseconds);
  // Counted since the last progress: milliseconds of waiting, and bytes received.
  let waited = 0;
  let came = 0;
  try {
    for (;;) {
      const since = performance.now();
      const next = await idle.within(chunks.next(), 'the client sends nothing');
      if (next.done === true) return;
      waited += performance.now() - since;
      came += next.value.byteLength;
      if (came >= leastProgress) waited = came = 0;
      else if (waited >= milliseconds) throw new TransportError('STALLED', 'the client sends too slowly');
      yield next.value;
    }
  } catch (cause) {
    // Before the request, since Bun answers a destroyed request with 200 while its connection stands.
    incoming.socket.destroy();
    incoming.destroy();
    if (isGantryError(cause)) throw cause;
    throw new TransportError('CUT_OFF', "the request's body broke off", { cause });
  } finally {
    idle.end();
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
