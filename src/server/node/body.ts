import type { IncomingMessage } from 'node:http';
import { isGantryError, TransportError } from '../../errors.ts';
import { type Content, streamContent } from '../../flow/content.ts';
import { contentLength } from '../../wire/headers.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { createIdle } from './idle.ts';

export interface RequestBody {
  readonly content: Content;
  /** Bytes of it that were read. */
  received(): number;
  /** What of it is still to come: a `little` is sooner taken in than a new connection is made. */
  unread(): 'nothing' | 'little' | 'much';
  /** Drops what is still on its way, for a while: a connection that is closed over unread bytes loses its last answer. */
  linger(): Promise<void>;
  /** After the answer: the connection ends unless the rest comes within the same while, however slowly it drips. */
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
/** How long a client may go on sending after an early answer, in milliseconds. */
const lingerTime = 5_000;

/** The body of a request; undefined if it has none. */
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
      // A client that was never told to continue may send its body or not: the connection is of no more use.
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

/** Bytes. A body of which fewer come in the time that a client may send nothing holds its connection, and no more. */
const leastProgress = 1024;

async function* chunksOf(incoming: IncomingMessage, milliseconds: number): AsyncIterable<Uint8Array> {
  // A body that is given up must not take the connection with it: the answer goes over it.
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  const idle = createIdle(milliseconds);
  // Since there was progress: milliseconds that the client was waited for, and bytes that came.
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
      else if (waited >= milliseconds)
        throw new TransportError('STALLED', 'the client sends next to nothing');
      yield next.value;
    }
  } catch (cause) {
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
