import { onAbort } from '../flow/abort.ts';
import { type Content, type OpenOptions, streamContent } from '../flow/content.ts';
import { type Prefetched, prefetch } from '../flow/prefetch.ts';
import type { ProgressObserver } from '../store/blob-progress.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type TarFileWithBody, writeTar } from '../tar/write.ts';
import { answeredEarly, readAnswer } from './answer.ts';
import type { Engine } from './engine.ts';
import { longSilence } from './line.ts';

/** A file for the tar, with its bytes as a content that is opened when its turn comes, or as a body. */
export interface LoadFile extends TarFileWithBody {
  readonly content?: Content | undefined;
}

/** Settings for a file of the tar. */
export interface AddFileOptions extends SignalOptions {
  readonly onProgress?: ProgressObserver | undefined;
}

/** Settings for the end of the tar. */
export interface FinishOptions extends SignalOptions {
  /** Called with each number of bytes that the daemon has loaded, as far as it says so. */
  readonly onLoaded?: ((bytes: number) => void) | undefined;
}

/** One tar on its way to a daemon. The request begins with the first file. */
export interface LoadStream {
  /** Whether any file was added. */
  readonly hasBegun: boolean;
  /**
   * Adds a file after all files so far. Resolves when the daemon's connection has taken its last byte. A failure of one file
   * breaks the request off, and every later call then fails with the same error.
   */
  add(file: LoadFile, options?: AddFileOptions): Promise<void>;
  /** Ends the tar. Resolves when the daemon has loaded the images in it. */
  finish(options?: FinishOptions): Promise<void>;
  /** Breaks the request off, so that the daemon drops the files so far. */
  abandon(): Promise<void>;
}

/** A file in the queue. */
interface Waiting {
  readonly file: LoadFile;
  readonly options: AddFileOptions;
  readonly settle: (failure?: { readonly error: unknown }) => void;
  ahead?: Prefetched;
}

export function createLoadStream(engine: Engine): LoadStream {
  return new TarToDaemon(engine);
}

class TarToDaemon implements LoadStream {
  readonly #engine: Engine;
  readonly #end = new AbortController();
  readonly #queue: Waiting[] = [];
  #current: Waiting | undefined;
  #answer: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Whether the last file was added. */
  #isEnded = false;
  /** Whether all bytes of all files were read. */
  #isSent = false;
  #wake: () => void = () => undefined;
  #onLoaded: FinishOptions['onLoaded'];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get hasBegun(): boolean {
    return this.#answer !== undefined;
  }

  async add(file: LoadFile, options: AddFileOptions = {}): Promise<void> {
    this.#demandWhole();
    options.signal?.throwIfAborted();
    this.#answer ??= this.#post();
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        file,
        options,
        settle: (failure) => {
          release();
          void waiting.ahead?.close();
          if (failure === undefined) resolve();
          else reject(failure.error);
        },
      };
      // The file that is being sent ends with its own reading.
      const release = onAbort(options.signal, () => {
        const at = this.#queue.indexOf(waiting);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        waiting.settle({ error: options.signal?.reason });
      });
      this.#queue.push(waiting);
      this.#wake();
    });
  }

  async finish({ signal, onLoaded }: FinishOptions = {}): Promise<void> {
    this.#demandWhole();
    this.#onLoaded = onLoaded;
    this.#isEnded = true;
    this.#wake();
    const release = onAbort(signal, () => this.#end.abort(signal?.reason));
    try {
      await this.#answer;
    } finally {
      release();
    }
    this.#demandWhole();
  }

  async abandon(): Promise<void> {
    this.#end.abort(new Error('the load was given up'));
    await this.#answer;
  }

  /** Sends the request and reads its answer to the end. Keeps the failure for all waiting and later calls. */
  async #post(): Promise<void> {
    const engine = this.#engine;
    const { signal } = this.#end;
    try {
      const response = await engine.send({
        method: 'POST',
        path: '/images/load',
        query: { quiet: '0' },
        body: streamContent(writeTar(this.#files())),
        doing: 'load the image',
        answerWithin: longSilence,
        signal,
      });
      const isSent = this.#isSent;
      for await (const bytes of readAnswer(engine.name, response, 'load the image')) this.#onLoaded?.(bytes);
      if (!isSent) throw answeredEarly(engine.name);
    } catch (error) {
      this.#fail(error);
    }
  }

  #demandWhole(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    const failure = this.#failure;
    this.#current?.settle(failure);
    for (const waiting of this.#queue.splice(0)) waiting.settle(failure);
  }

  /** Yields the files in the order of their addition. The tar asks for the next one when it has read the last one. */
  async *#files(): AsyncIterable<TarFileWithBody> {
    for (;;) {
      const waiting = this.#queue.shift();
      if (waiting !== undefined) {
        this.#current = waiting;
        yield this.#withBody(waiting);
        this.#current = undefined;
        waiting.settle();
      } else if (this.#isEnded) {
        this.#isSent = true;
        return;
      } else {
        await this.#more();
      }
    }
  }

  #more(): Promise<void> {
    const { signal } = this.#end;
    return new Promise((resolve, reject) => {
      const release = onAbort(signal, () => reject(signal.reason));
      this.#wake = () => {
        release();
        resolve();
      };
      if (this.#queue.length > 0 || this.#isEnded) this.#wake();
    });
  }

  #withBody({ file, options, ahead }: Waiting): TarFileWithBody {
    const { content, ...entry } = file;
    if (content === undefined) return entry;
    return { ...entry, body: this.#reading(ahead?.content ?? content, file.size ?? 0, options) };
  }

  async *#reading(
    content: Content,
    size: number,
    { onProgress, signal }: AddFileOptions,
  ): AsyncIterable<Uint8Array> {
    const end = new AbortController();
    const releases = [signal, this.#end.signal].map((one) => onAbort(one, () => end.abort(one?.reason)));
    const options: OpenOptions = { signal: end.signal };
    let sent = 0;
    try {
      for await (const chunk of content.open(options)) {
        yield chunk;
        sent += chunk.byteLength;
        // The next source takes a round trip until its first byte, which comes while this one moves.
        this.#openNext();
        onProgress?.({ sent, moved: sent, acknowledged: sent === size ? size : 0 });
      }
    } catch (error) {
      // The caller of this file learns the reason before all others.
      this.#current?.settle({ error });
      throw error;
    } finally {
      for (const release of releases) release();
    }
  }

  #openNext(): void {
    const [next] = this.#queue;
    if (next === undefined || next.ahead !== undefined || next.file.content?.remote !== true) return;
    next.ahead = prefetch(next.file.content);
  }
}
