import type { IncomingMessage, ServerResponse } from 'node:http';
import { TransportError } from '../../errors.ts';
import { contentLength } from '../../wire/headers.ts';
import type { HeaderMap, HttpRequest, HttpResponse } from '../../wire/message.ts';
import type { ExchangeObserver, Serve, ServedResponse } from '../exchange.ts';
import { type RequestBody, requestBody } from './body.ts';
import type { ConnectionTracker } from './connections.ts';
import { createIdle, type Idle } from './idle.ts';

export interface ExchangeOptions {
  /** Milliseconds that a client may send nothing of a body, and take nothing of an answer. */
  readonly requestIdle: number;
  readonly answerIdle: number;
  /** Whether the client waits to be told to send its body. */
  readonly expects: boolean;
  /** Whether this is the last exchange of its connection. */
  readonly closing: () => boolean;
  /** The URL of the listener that it came to. */
  readonly listener: string;
  readonly observer: ExchangeObserver | undefined;
  readonly connections: Pick<ConnectionTracker, 'begin'>;
}

/** An answer of one chunk up to so many bytes is sent together with its head. */
const smallAnswer = 16 * 1024;

/** One exchange, from the raw request to the last byte of its answer. Never rejects. */
export async function exchange(
  handler: Serve,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { requestIdle, answerIdle, expects, closing, listener, observer, connections }: ExchangeOptions,
): Promise<void> {
  const startedAt = performance.now();
  observer?.started?.();
  // Asked for now: a connection that has ended does not tell any more.
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
  const request: HttpRequest = {
    method: incoming.method ?? 'GET',
    // Raw: a parser would fold dots and take the Host for granted.
    url: incoming.url ?? '/',
    headers,
    ...(body === undefined ? {} : { body: body.content }),
    replay: 'never',
    arrival: { listener, ...(peer === undefined ? {} : { peer }) },
    signal: abort.signal,
  };
  const seen: { response?: ServedResponse; sent: number } = { sent: 0 };
  const idle = createIdle(answerIdle);
  try {
    await turn.come;
    abort.signal.throwIfAborted();
    const response = await handler(request);
    seen.response = response;
    await answer(response, { body, incoming, outgoing, idle, closing, seen });
    await idle.within(closed, 'the client takes nothing');
  } catch {
    // Too late for another status: a cut connection is how the client learns that there is no answer, or not all of it.
    outgoing.destroy();
  }
  await closed;
  body?.endLate();
  turn.end();
  idle.end();
  observer?.ended({
    method: request.method,
    target: request.url,
    ...(seen.response === undefined ? {} : { status: seen.response.status }),
    whole: outgoing.writableFinished,
    startedAt: new Date(performance.timeOrigin + startedAt),
    duration: performance.now() - startedAt,
    received: body?.received() ?? 0,
    sent: seen.sent,
    ...(peer === undefined ? {} : { remoteAddress: peer }),
    ...(incoming.headers['user-agent'] === undefined ? {} : { userAgent: incoming.headers['user-agent'] }),
    note: seen.response?.note ?? {},
  });
}

function settled(): { readonly promise: Promise<void>; readonly settle: () => void } {
  let settle: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, settle: () => settle?.() };
}

/** By name, each with its lines in order: Node's own ways join lines or copy them twice. */
function headersOf({ rawHeaders }: IncomingMessage): HeaderMap {
  const headers = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const line = rawHeaders[at + 1] ?? '';
    const lines = headers.get(name);
    if (lines === undefined) headers.set(name, [line]);
    else lines.push(line);
  }
  // An own `__proto__` stays a header.
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
  // Who was too slow is not waited for either.
  const early = body?.unread() === 'much' || response.status === 408;
  writeHead(response, outgoing, early || closing());
  const length = contentLength(response.headers);
  const chunks = response.body[Symbol.asyncIterator]();
  try {
    let next = await chunks.next();
    const whole = next.done === true ? undefined : next.value;
    if (whole !== undefined && whole.byteLength === length && length <= smallAnswer) {
      // A copy, for a source that uses its memory again to say that this was all; as a text Node sends it in one write.
      const copy = Buffer.from(whole.buffer, whole.byteOffset, length).toString('latin1');
      next = await chunks.next();
      seen.sent += length;
      if (next.done === true && !early) {
        incoming.resume();
        outgoing.end(copy, 'latin1');
        return;
      }
      await idle.within(written(outgoing, Buffer.from(copy, 'latin1')), 'the client takes nothing');
    }
    while (next.done !== true) {
      const { value } = next;
      await idle.within(written(outgoing, value), 'the client takes nothing');
      seen.sent += value.byteLength;
      next = await chunks.next();
    }
  } finally {
    await chunks.return?.();
  }
  if (early && length !== undefined) {
    // The answer is whole, and the client reads it while what it was still sending is let go.
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

/** Waits until the chunk has left, since its source may use the same memory for the next one. */
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
