import type { IncomingMessage, ServerResponse } from 'node:http';
import { TransportError } from '../../errors.ts';
import { given } from '../../spec/options.ts';
import { contentLength } from '../../wire/headers.ts';
import type { HeaderMap, HttpRequest, HttpResponse } from '../../wire/message.ts';
import type { Exchange, ExchangeObserver, Serve, ServedResponse } from '../exchange.ts';
import { type RequestBody, requestBody } from './body.ts';
import type { ConnectionTracker } from './connections.ts';
import { createIdle, type Idle } from './idle.ts';

export interface ExchangeOptions {
  /** Milliseconds that a client may pause while it sends a body, and while it reads an answer. */
  readonly requestIdle: number;
  readonly answerIdle: number;
  /** Whether the client waits for 100 Continue. */
  readonly expects: boolean;
  /** Returns whether this is the last exchange of its connection. */
  readonly closing: () => boolean;
  /** The URL of the listener that received the request. */
  readonly listener: string;
  readonly observer: ExchangeObserver | undefined;
  readonly connections: Pick<ConnectionTracker, 'begin'>;
}

/** Bytes. An answer of one chunk up to this size is sent together with its headers. */
const smallAnswer = 16 * 1024;

/** Serves one exchange, from the raw request to the last byte of its answer. Never rejects. */
export async function exchange(
  handler: Serve,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { requestIdle, answerIdle, expects, closing, listener, observer, connections }: ExchangeOptions,
): Promise<void> {
  const startedAt = performance.now();
  observer?.started?.();
  // Read now: a closed connection no longer has an address.
  const peer = incoming.socket.remoteAddress;
  const abort = new AbortController();
  const { promise: closed, settle: close } = settled();
  const onClose = (): void => {
    if (!outgoing.writableFinished) abort.abort(new TransportError('CUT_OFF', 'the client has gone'));
    close();
  };
  outgoing.once('close', onClose);
  const turn = connections.begin(incoming.socket, onClose);
  const headers = headersOf(incoming);
  const onContinue = expects ? (): void => outgoing.writeContinue() : undefined;
  const body = requestBody(incoming, headers, { idle: requestIdle, onContinue });
  const arrival = { listener, peer };
  const request = requestOf(incoming, { headers, body, arrival, signal: abort.signal });
  const seen: Seen = { startedAt, sent: 0 };
  const idle = createIdle(answerIdle);
  try {
    await turn.come;
    abort.signal.throwIfAborted();
    const response = await handler(request);
    seen.response = response;
    await answer(response, { body, incoming, outgoing, idle, closing, seen });
    await idle.within(closed, 'the client reads nothing');
  } catch {
    // Too late for another status: the closed connection tells the client that the answer is missing or incomplete.
    // Bun answers with 200 if the connection still stands when the answer is destroyed.
    outgoing.socket?.destroy();
    outgoing.destroy();
  }
  await closed;
  body?.endLate();
  turn.end();
  idle.end();
  observer?.ended(
    exchangeOf(request, seen, {
      whole: outgoing.writableFinished,
      received: body?.received() ?? 0,
      userAgent: incoming.headers['user-agent'],
    }),
  );
}

function requestOf(
  { method = 'GET', url = '/' }: IncomingMessage,
  { body, ...parts }: Pick<HttpRequest, 'headers' | 'arrival' | 'signal'> & { body: RequestBody | undefined },
): HttpRequest {
  // The URL stays unparsed: a parser would resolve dots and trust the Host header.
  return { method, url, ...parts, body: body?.content, replay: 'never' };
}

/** The course of an exchange until now. */
interface Seen {
  /** By `performance.now()`. */
  readonly startedAt: number;
  response?: ServedResponse;
  sent: number;
}

function exchangeOf(
  { method, url, arrival }: HttpRequest,
  { startedAt, response, sent }: Seen,
  { userAgent, ...end }: Pick<Exchange, 'whole' | 'received'> & { readonly userAgent: string | undefined },
): Exchange {
  return given({
    method,
    target: url,
    status: response?.status,
    ...end,
    startedAt: new Date(performance.timeOrigin + startedAt),
    duration: performance.now() - startedAt,
    sent,
    remoteAddress: arrival?.peer,
    userAgent,
    note: response?.note ?? {},
  });
}

function settled(): { readonly promise: Promise<void>; readonly settle: () => void } {
  let settle: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, settle: () => settle?.() };
}

/** Groups header lines by name, in their order. Node's own objects join or copy lines. */
function headersOf({ rawHeaders }: IncomingMessage): HeaderMap {
  const headers = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const line = rawHeaders[at + 1] ?? '';
    const lines = headers.get(name);
    if (lines === undefined) headers.set(name, [line]);
    else lines.push(line);
  }
  // A header with the name `__proto__` stays a header.
  return Object.fromEntries(headers);
}

interface Answering {
  readonly body: RequestBody | undefined;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly idle: Idle;
  readonly closing: () => boolean;
  readonly seen: { sent: number };
}

async function answer(
  response: HttpResponse,
  { body, incoming, outgoing, idle, closing, seen }: Answering,
): Promise<void> {
  // After a 408 the rest of the body is not awaited, either.
  const early = body?.unread() === 'much' || response.status === 408;
  writeHead(response, outgoing, early || closing());
  const length = contentLength(response.headers);
  const chunks = response.body[Symbol.asyncIterator]();
  try {
    let next = await chunks.next();
    const whole = next.done === true ? undefined : next.value;
    if (whole !== undefined && whole.byteLength === length && length <= smallAnswer) {
      // Copied, because the source may reuse its memory to report the end. Node sends a string and the headers in one
      // write.
      const copy = Buffer.from(whole.buffer, whole.byteOffset, length).toString('latin1');
      next = await chunks.next();
      seen.sent += length;
      if (next.done === true && !early) {
        incoming.resume();
        outgoing.end(copy, 'latin1');
        return;
      }
      await idle.within(written(outgoing, Buffer.from(copy, 'latin1')), 'the client reads nothing');
    }
    while (next.done !== true) {
      const { value } = next;
      await idle.within(written(outgoing, value), 'the client reads nothing');
      seen.sent += value.byteLength;
      next = await chunks.next();
    }
  } finally {
    await chunks.return?.();
  }
  if (early && length !== undefined) {
    // The answer is complete. The client reads it while the rest of its body is discarded.
    outgoing.flushHeaders();
    await body?.linger();
  }
  incoming.resume();
  outgoing.end();
}

function writeHead({ status, headers }: HttpResponse, outgoing: ServerResponse, last: boolean): void {
  const lines: string[] = [];
  for (const [name, values] of Object.entries(headers)) {
    for (const value of values) lines.push(name, value);
  }
  if (last) lines.push('connection', 'close');
  outgoing.writeHead(status, lines);
}

/** Resolves when the chunk has been sent, since its source may reuse the memory for the next one. */
function written(outgoing: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the client has gone'));
    if (outgoing.destroyed) return gone();
    outgoing.once('close', gone);
    outgoing.write(chunk, (error) => {
      outgoing.off('close', gone);
      if (error) reject(error);
      else resolve();
    });
  });
}
