import type { OnReadOpts, Socket } from 'node:net';
import type { OpenOptions } from '../../flow/content.ts';

/** Takes the bytes that a connection receives. */
export interface Receiver {
  /**
   * Takes bytes. They stay valid until the connection reads on: at once if this returns true, and otherwise after
   * `resume`. Until then the receiver gets neither bytes nor the end.
   */
  bytes(chunk: Uint8Array): boolean;
  /** The server has ended its side of the connection, or the connection has failed with `error`. */
  end(error?: Error): void;
}

/** Options for `net.connect` and `tls.connect`. */
export interface SocketReading {
  readonly onread?: OnReadOpts;
}

/**
 * Opens a socket. `ended` registers an action for the case that the connection is destroyed before the socket exists.
 */
export type Dial = (reading: SocketReading, ended: (act: () => void) => void) => Socket | Promise<Socket>;

export interface DialOptions {
  readonly dial: Dial;
  /** The event after which a new socket can send bytes. */
  readonly opensWith: 'connect' | 'secureConnect';
  /** Called once when the connection cannot serve another request. */
  readonly onClose?: () => void;
}

/** Enough for the head of an answer and for a manifest. Bytes. */
const smallBuffer = 64 * 1024;
/** A larger buffer costs more cache misses than it saves system calls. Bytes. */
const largeBuffer = 1024 * 1024;
/** The longest record of TLS, and so the most that it hands over at once. Bytes. */
const recordBuffer = 16 * 1024;

/**
 * One connection to a server. It reads into its own memory, where `node:net` allows that, which saves an allocation
 * and a stream per chunk. Bytes that arrive without a receiver belong to no request: they close the connection.
 */
export class Connection {
  /** Whether the connection was established before its current request. */
  stood = false;
  /** Whether it serves a request. The owner sets this. */
  isBusy = false;
  #socket: Socket | undefined;
  #isUp = false;
  #isClosed = false;
  #error: Error | undefined;
  #receiver: Receiver | undefined;
  #onUp: (() => void) | undefined;
  #onEnded: (() => void) | undefined;
  readonly #onClose: (() => void) | undefined;
  #restFor = 0;
  /** Whether the receiver still uses the bytes that it got last. */
  #isPaused = false;
  /** Bytes that arrived during the pause: TLS hands over all records of a read, even if the first one pauses it. */
  readonly #held: Uint8Array[] = [];
  readonly #isSecure: boolean;
  /** Undefined until the socket reads into our memory, which some sockets never do. */
  #buffer: Uint8Array | undefined;
  #small: Uint8Array | undefined;
  /** The buffer that a receiver of TLS uses while the next record arrives in the other one. */
  #lent: Uint8Array | undefined;
  /** Set while bytes of a large body are still to come. */
  #offer: OpenOptions['offer'];
  #expected = 0;

  constructor({ dial, opensWith, onClose }: DialOptions) {
    this.#onClose = onClose;
    this.#isSecure = opensWith === 'secureConnect';
    const onread = {
      buffer: () => this.#memory(),
      callback: (length: number, buffer: Uint8Array) => this.#received(buffer.subarray(0, length)),
    };
    const ended = (act: () => void): void => {
      this.#onEnded = act;
    };
    try {
      const dialed = dial({ onread }, ended);
      if ('then' in dialed) {
        dialed.then(
          (socket) => this.#attach(socket, opensWith),
          (error: Error) => this.#closed(error),
        );
      } else {
        this.#attach(dialed, opensWith);
      }
    } catch (error) {
      // The caller has no receiver yet.
      queueMicrotask(() => this.#closed(error instanceof Error ? error : new Error(String(error))));
    }
  }

  /** Whether bytes can be sent. */
  get isUp(): boolean {
    return this.#isUp;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Calls `react` when bytes can be sent, at once if they already can. */
  whenUp(react: () => void): void {
    if (this.#isUp) react();
    else this.#onUp = react;
  }

  /** Passes received bytes and the end of the connection to `receiver` from now on. */
  receive(receiver: Receiver): void {
    this.#receiver = receiver;
    if (this.#isClosed) queueMicrotask(() => this.#tellEnd());
  }

  /** Reads on after a receiver has returned false. */
  resume(): void {
    this.#isPaused = false;
    for (let chunk = this.#held.shift(); chunk !== undefined; chunk = this.#held.shift()) {
      this.#pass(chunk);
      if (this.#isPaused) return;
    }
    if (this.#isClosed) this.#tellEnd();
    else this.#socket?.resume();
  }

  /** Reads this number of bytes with few system calls, into memory of the receiver if it offers any. */
  expect(bytes: number, offer?: OpenOptions['offer']): void {
    if (bytes <= 4 * smallBuffer) return;
    this.#expected = bytes;
    this.#offer = offer;
  }

  /** Writes the head of a request. */
  writeHead(head: string): void {
    this.#socket?.write(head, 'latin1');
  }

  /**
   * Resolves when the kernel has taken the bytes. The caller may reuse their memory from then on. Resolves with `false` when
   * the connection is closed.
   */
  write(bytes: Uint8Array | string): Promise<boolean> {
    const socket = this.#socket;
    if (socket === undefined || this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      socket.write(bytes, (error) => resolve(error === undefined || error === null));
    });
  }

  cork(): void {
    this.#socket?.cork();
  }

  uncork(): void {
    this.#socket?.uncork();
  }

  /** Begins to wait for the next request, at most for these milliseconds. Does not keep the process alive. */
  rest(within: number): void {
    this.#receiver = undefined;
    this.isBusy = false;
    this.#isPaused = false;
    this.#expected = 0;
    this.#offer = undefined;
    if (!this.#isSecure) this.#buffer = this.#small;
    this.#restFor = within;
    if (this.#held.length > 0) this.destroy();
    if (this.#isClosed) return;
    this.#socket?.setTimeout(within);
    this.#socket?.unref();
    this.#socket?.resume();
  }

  /** Ends the wait for a request. */
  wake(): void {
    this.isBusy = true;
    this.stood = this.#isUp;
    this.#socket?.setTimeout(0);
    this.#socket?.ref();
  }

  destroy(error?: Error): void {
    this.#socket?.destroy(error);
    this.#closed(error);
  }

  #memory(): Uint8Array {
    if (this.#isSecure) return this.#recordMemory();
    this.#small ??= unfilled(smallBuffer);
    const offered = this.#offer?.();
    if (offered !== undefined) return offered;
    this.#buffer ??= this.#small;
    if (this.#expected > 4 * smallBuffer && this.#buffer === this.#small) {
      this.#buffer = unfilled(Math.min(this.#expected, largeBuffer));
    }
    return this.#buffer;
  }

  /** Returns memory for the next record, which may arrive while a receiver uses the last one. */
  #recordMemory(): Uint8Array {
    if (this.#buffer === undefined || this.#held.length > 0) {
      this.#buffer = unfilled(recordBuffer);
    } else if (this.#isPaused) {
      [this.#buffer, this.#lent] = [this.#lent ?? unfilled(recordBuffer), this.#buffer];
    }
    return this.#buffer;
  }

  #attach(socket: Socket, opensWith: 'connect' | 'secureConnect'): void {
    this.#socket = socket;
    this.#onEnded = undefined;
    socket
      .on('error', (error) => this.#closed(error))
      .on('end', () => this.#closed())
      .on('close', () => this.#closed())
      .on('timeout', () => this.destroy())
      // Sockets over another socket and some runtimes ignore `onread`.
      .on('data', (chunk: Uint8Array) => {
        if (!this.#received(chunk)) socket.pause();
      });
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    if (!this.isBusy) this.rest(this.#restFor);
    socket.once(opensWith, () => {
      this.#isUp = true;
      // A second address brings a new handle, which holds the process again.
      if (!this.isBusy) socket.unref();
      const react = this.#onUp;
      this.#onUp = undefined;
      react?.();
    });
  }

  /** Returns whether the socket may read on. */
  #received(chunk: Uint8Array): boolean {
    if (this.#isClosed) return true;
    this.#expected -= chunk.byteLength;
    // The next bytes belong to another answer.
    if (this.#expected <= 0) this.#offer = undefined;
    if (this.#isPaused) this.#held.push(chunk);
    else this.#pass(chunk);
    return !this.#isPaused;
  }

  #pass(chunk: Uint8Array): void {
    if (this.#receiver === undefined) this.destroy();
    else if (!this.#receiver.bytes(chunk)) this.#isPaused = true;
  }

  #closed(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#onEnded?.();
    this.#tellEnd();
    this.#socket?.destroy();
    this.#onClose?.();
  }

  /** The bytes that have arrived come before the end. */
  #tellEnd(): void {
    if (!this.#isPaused) this.#receiver?.end(this.#error);
  }
}

/** Memory that is not cleared first. A plain array, because `slice` of a Buffer copies nothing. */
function unfilled(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
