import { ContentError } from '../../errors.ts';
import type { Content } from '../../flow/content.ts';
import type { Connection } from './connection.ts';
import type { Outgoing } from './request-head.ts';

/** Writes a request to its connection. */
export interface BodySender {
  /** Whether the whole request was sent. */
  readonly isSent: boolean;
  /**
   * Resolves when the request is sent or was stopped. Rejects with the source's own error, or with SIZE_INVALID when
   * the body does not have its announced size.
   */
  run(): Promise<void>;
  /** Stops the source if it is still being read. Returns whether the whole request was sent. */
  stop(): boolean;
  /**
   * Returns whether the request can be sent again: the body was not opened yet, or it is replayable and at most `limit`
   * bytes of it were sent.
   */
  canRepeat(limit: number): boolean;
}

/** A request for a server, which errors name by its host. */
interface Sending extends Outgoing {
  readonly host: string;
}

/** The reason for which a source ends that is read no further. Nobody sees it, so one serves all. */
const over: Error = new Error('the request needs no more of its body');

export function createBodySender(
  connection: Connection,
  body: Content | undefined,
  { head, length, host }: Sending,
): BodySender {
  return body === undefined
    ? withoutBody(connection, head)
    : new Sender(connection, body, { head, length, host });
}

function withoutBody(connection: Connection, head: string): BodySender {
  let isSent = false;
  return {
    get isSent() {
      return isSent;
    },
    async run() {
      isSent = true;
      connection.writeHead(head);
    },
    stop: () => isSent,
    canRepeat: () => true,
  };
}

class Sender implements BodySender {
  isSent = false;
  readonly #connection: Connection;
  readonly #body: Content;
  readonly #sending: Sending;
  readonly #abort = new AbortController();
  #opened = false;
  #stopped = false;
  #sent = 0;
  #hasBegun = false;

  constructor(connection: Connection, body: Content, sending: Sending) {
    this.#connection = connection;
    this.#body = body;
    this.#sending = sending;
  }

  async run(): Promise<void> {
    this.#opened = true;
    try {
      await this.#pour(this.#body.open({ signal: this.#abort.signal }));
    } catch (error) {
      // The caller of `stop` already has the answer or the error.
      if (!this.#stopped) throw error;
    }
  }

  stop(): boolean {
    if (this.#stopped || this.isSent) return this.isSent;
    this.#stopped = true;
    // The answer to the last byte may arrive before the source has reported its end. The body is complete then, so the
    // connection can be reused.
    if (this.#hasBegun && this.#sent === this.#sending.length) this.isSent = true;
    this.#abort.abort(over);
    return this.isSent;
  }

  canRepeat(limit: number): boolean {
    return !this.#opened || (this.#body.replayable && this.#sent <= limit);
  }

  async #pour(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { length } = this.#sending;
    for await (const chunk of chunks) {
      if (this.#stopped) return;
      if (chunk.byteLength === 0) continue;
      if (length !== undefined && this.#sent + chunk.byteLength > length) {
        throw sizeError(this.#sending, this.#sent + chunk.byteLength);
      }
      this.#sent += chunk.byteLength;
      if (!(await this.#write(chunk)) || this.#stopped) return;
    }
    if (length !== undefined && this.#sent !== length) throw sizeError(this.#sending, this.#sent);
    if (!this.#hasBegun) this.#connection.writeHead(this.#sending.head);
    if (length === undefined) void this.#connection.write('0\r\n\r\n');
    this.isSent = true;
  }

  /** Writes a chunk with all that belongs before and after it, in as few packets as possible. */
  async #write(chunk: Uint8Array): Promise<boolean> {
    const { head, length } = this.#sending;
    const connection = this.#connection;
    connection.cork();
    if (!this.#hasBegun) connection.writeHead(head);
    this.#hasBegun = true;
    if (length === undefined) void connection.write(`${chunk.byteLength.toString(16)}\r\n`);
    const written = connection.write(chunk);
    if (length === undefined) void connection.write('\r\n');
    connection.uncork();
    return written;
  }
}

function sizeError({ length: expected, host }: Sending, actual: number): ContentError {
  const message = `the body for ${host} has ${actual} bytes, not the announced ${expected}`;
  return new ContentError('SIZE_INVALID', message, { expected, actual });
}
