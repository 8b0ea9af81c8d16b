import { ResponseError, TransportError } from '../../errors.ts';
import { onAbort } from '../../flow/abort.ts';
import { noBytes } from '../../flow/content.ts';
import type { HttpRequest, HttpResponse, TargetUri } from '../../wire/message.ts';
import { redactUrl } from '../../wire/redact.ts';
import { transportError } from '../failure.ts';
import { framingOf, keepsConnection, keptFor } from './body-framing.ts';
import { ResponseBody } from './body-receiver.ts';
import { type BodySender, createBodySender } from './body-sender.ts';
import type { Connection, Receiver } from './connection.ts';
import type { Connector } from './connector.ts';
import { createHeadBuffer } from './head-buffer.ts';
import { formatRequestHead } from './request-head.ts';
import { parseResponseHead, type ResponseHead } from './response-head.ts';

export interface SendRequestOptions {
  readonly connector: Connector;
  readonly target: TargetUri;
  /** Milliseconds. */
  readonly connectWithin: number;
  /** Uses a new connection and none of the kept ones. */
  readonly fresh: boolean;
}

/** The number of bytes of a small body that the kernel may accept before a closed connection becomes visible. */
const smallBody = 64 * 1024;
/** Proxies send a 102 every few seconds while a registry works, which may take 15 minutes. */
const maxInterim = 1000;

/**
 * Bytes of an answer arrived before the request was sent. The connection is unusable; the request itself can still be
 * sent.
 */
class UnaskedAnswer extends Error {
  override readonly message: string = 'bytes of an answer arrived before the request was sent';
}

/** One request on one connection. Settles on every event of the connection. */
export class SentRequest implements Receiver {
  readonly response: Promise<HttpResponse>;
  readonly #request: HttpRequest;
  readonly #options: SendRequestOptions;
  readonly #connection: Connection;
  readonly #sender: BodySender;
  readonly #head = createHeadBuffer();
  readonly #release: () => void;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  #resolve: (response: HttpResponse) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #hasBegun = false;
  #isSettled = false;
  #isStale = false;
  #interim = 0;

  constructor(request: HttpRequest, options: SendRequestOptions) {
    const { connector, target, connectWithin, fresh } = options;
    this.#request = request;
    this.#options = options;
    const outgoing = formatRequestHead(request, {
      requestTarget: connector.requestTarget(target.path),
      host: target.host,
      more: connector.headers,
    });
    const connection = connector.pool.take({ fresh });
    this.#connection = connection;
    this.#sender = createBodySender(connection, request.body, { ...outgoing, host: target.host });
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#release = onAbort(request.signal, () => queueMicrotask(() => this.#fail(request.signal?.reason)));
    connection.receive(this);
    if (connection.stood) {
      afterReading(() => this.#begin());
    } else {
      this.#timer = setTimeout(() => this.#fail(lateError(target, connectWithin)), connectWithin);
      connection.whenUp(() => this.#begin());
    }
  }

  /**
   * Returns whether the request failed because its connection was unusable before it was sent, and the request can be
   * sent again.
   */
  wasStale(): boolean {
    return this.#isStale;
  }

  bytes(chunk: Uint8Array): boolean {
    if (!this.#hasBegun) {
      this.#fail(new UnaskedAnswer());
      return true;
    }
    try {
      return this.#read(chunk);
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  end(error: Error = Object.assign(new Error('no answer arrived'), { code: 'ECONNRESET' })): void {
    this.#fail(error);
  }

  /** The connection can take the request. Opens the source only now: an unopened body can be sent elsewhere. */
  #begin(): void {
    if (this.#isSettled) return;
    clearTimeout(this.#timer);
    this.#hasBegun = true;
    this.#sender.run().catch((error: unknown) => {
      if (this.#isSettled) return;
      this.#settle();
      this.#connection.destroy();
      this.#reject(this.#request.signal?.aborted ? this.#request.signal.reason : error);
    });
  }

  /** Reads heads until one is final. Returns whether the connection may read on at once. */
  #read(chunk: Uint8Array): boolean {
    for (let bytes = chunk; ; ) {
      const complete = this.#head.add(bytes);
      if (complete === undefined) return true;
      const head = parseResponseHead(complete.text);
      if (head.status >= 200) return this.#answer(head, complete.rest);
      this.#interim++;
      if (head.status === 101) throw switchError(this.#request);
      if (this.#interim > maxInterim) throw interimError(this.#options.target);
      if (complete.rest.byteLength === 0) return true;
      bytes = complete.rest;
    }
  }

  #answer(head: ResponseHead, rest: Uint8Array): boolean {
    const { method, url, signal, offer } = this.#request;
    if (this.#isUnasked(head)) throw new UnaskedAnswer();
    const framing = framingOf(method, head);
    this.#settle();
    const reusable = this.#sender.stop() && keepsConnection(head) && framing.kind !== 'close';
    const { connector, target } = this.#options;
    const connection = this.#connection;
    const { status, headers } = head;
    const keep = reusable ? () => connector.pool.keep(connection, keptFor(head)) : undefined;
    if (framing.kind === 'length' && framing.length === 0 && rest.byteLength === 0) {
      if (keep === undefined) connection.destroy();
      else keep();
      this.#resolve({ status, headers, body: noBytes, url });
      return true;
    }
    const body = new ResponseBody({ connection, framing, rest, host: target.host, signal, keep, offer });
    this.#resolve({ status, headers, body, url });
    return body.isOver;
  }

  /**
   * Returns whether the server closed the idle connection with this answer, so that it does not belong to the request:
   * RFC 9110, 15.5.9.
   */
  #isUnasked(head: ResponseHead): boolean {
    const isGivenUp = this.#connection.stood && head.status === 408 && !keepsConnection(head);
    return isGivenUp && this.#sender.canRepeat(this.#sender.isSent ? smallBody : Infinity);
  }

  #settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#release();
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    const { signal } = this.#request;
    const { target } = this.#options;
    const isUp = this.#connection.isUp;
    this.#isStale = signal?.aborted !== true && this.#isDead(error);
    this.#sender.stop();
    this.#connection.destroy();
    this.#reject(signal?.aborted ? signal.reason : transportError(error, { target, connected: isUp }));
  }

  /** Returns whether the connection existed before the request and was, according to this error, dead by then. */
  #isDead(error: unknown): boolean {
    if (!this.#connection.stood) return false;
    if (error instanceof UnaskedAnswer) return true;
    const isUntouched = !this.#head.hasPart && this.#interim === 0;
    return (!this.#hasBegun || (isReset(error) && isUntouched)) && this.#sender.canRepeat(smallBody);
  }
}

/** Waits for two turns of the event loop. In between, the loop reads all bytes that have arrived. */
function afterReading(act: () => void): void {
  setImmediate(() => setImmediate(act));
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function lateError({ host }: TargetUri, connectWithin: number): TransportError {
  return new TransportError('TIMED_OUT', `no connection to ${host} within ${connectWithin / 1000} s`);
}

function switchError({ method, url, secrets }: HttpRequest): ResponseError {
  const shown = redactUrl(url, secrets);
  return new ResponseError(
    'UNEXPECTED_STATUS',
    `${method} ${shown} was answered with 101 Switching Protocols, although no upgrade was requested: this is not a registry`,
    { response: { method, url: shown, status: 101, errors: [] } },
  );
}

function interimError({ host }: TargetUri): ResponseError {
  const message = `${host} sent more than ${maxInterim} interim answers (1xx) and no final one`;
  return new ResponseError('UNEXPECTED_ANSWER', message);
}
