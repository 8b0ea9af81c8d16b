import { CopyError, isGantryError } from '../../errors.ts';
import { type Content, mapContent, sliceContent } from '../../flow/content.ts';
import { type Backoff, createBackoff, defaultLayerRetry, type RetryOptions } from '../../http/backoff.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { ProgressObserver } from '../../store/blob-progress.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { UploadProgress } from './progress.ts';
import type { RemoteUpload } from './session.ts';

export interface Sending {
  readonly blob: Descriptor;
  readonly content: Content;
  start(): Promise<RemoteUpload>;
  /** Asks whether the blob is there by now: the answer to its commit may be all that was lost. */
  find(): Promise<Descriptor | undefined>;
  /** A session that is open already: a mount that was declined left it. */
  readonly session?: RemoteUpload;
  /** Bytes of each chunk in such a session; undefined: all in one request. */
  readonly chunk: (session: RemoteUpload) => number | undefined;
  /** Said with the commit. */
  readonly headers?: HeaderMap;
  /** Whether the registry has the blob, and is to take these bytes in its place. */
  readonly replaces?: boolean;
}

export interface SendOptions extends SignalOptions {
  readonly retry?: RetryOptions | undefined;
  readonly onProgress?: ProgressObserver | undefined;
}

/** What a proxy in front of the registry takes, when it has refused the whole in one request; some are set to less. */
const chunkForProxies = 16 * 1024 * 1024;
/** Smaller pieces cost more in requests than any proxy is set up for; nginx takes 1 MiB where nobody says more. */
const leastPiece = 256 * 1024;

/** The piece to try after so many bytes were too many; undefined: none. */
export function smallerPiece(refused: number): number | undefined {
  if (refused > chunkForProxies) return chunkForProxies;
  const quarter = Math.floor(refused / 4);
  return quarter < leastPiece ? undefined : quarter;
}

/** How a registry that takes no chunks refuses the first one. */
export function refusesChunks(status: number | undefined): boolean {
  return status === 400 || status === 405 || status === 416;
}

/** How often something is sent, and how much of it at least, before the bytes that it cost end the attempts. */
const mostTimes = 10;
const mostBytes = 16 * 1024 * 1024;

/**
 * The bytes after which so many are not sent again, however the registry advances. Sessions that are lost a little later
 * each time advance the blob, and cost all that came before.
 */
export function mostSent(size: number, retry: RetryOptions | undefined): number {
  return Math.max(mostBytes, size * Math.max(uploadRetry(retry).attempts ?? 0, mostTimes));
}

/** The same content, telling what is taken from it before it is: what of that arrived, nobody knows after a cut. */
export function tellingContent(content: Content, onBytes: (bytes: number) => void): Content {
  return mapContent(content, async function* tell(source) {
    for await (const chunk of source) {
      onBytes(chunk.byteLength);
      yield chunk;
    }
  });
}

/**
 * Sends a blob whose bytes can be read again. After a failure that may pass, the session is asked how far it came and
 * the rest is sent; a session that is gone is begun anew. Attempts start again only when the registry has more of the blob
 * than in any session before: the first chunks of a new session are no progress.
 */
export async function sendBlob(sending: Sending, options: SendOptions): Promise<void> {
  const attempt = new Attempt(sending, options);
  const backoff = createBackoff(uploadRetry(options.retry));
  try {
    for (;;) {
      try {
        await attempt.run(backoff);
        return;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (await attempt.changeWay(error)) continue;
        const wait = attempt.isWorthwhile() ? backoff.plan(error) : undefined;
        if (wait === undefined) throw error;
        await backoff.wait(wait, options.signal);
        await attempt.findSession(backoff);
      }
    }
  } catch (error) {
    await attempt.abandon();
    throw error;
  }
}

/** `defaultLayerRetry` where the options say nothing. A session that is gone may be begun anew, which no status says. */
export function uploadRetry(options: RetryOptions = {}): RetryOptions {
  return {
    ...defaultLayerRetry,
    ...options,
    retryable: (error, judged) => {
      const passing = judged || isSessionGone(error);
      return options.retryable?.(error, passing) ?? passing;
    },
  };
}

function isSessionGone(error: unknown): boolean {
  if (error instanceof CopyError) return false;
  return isGantryError(error, 'BLOB_UPLOAD_UNKNOWN') || isGantryError(error, 'BLOB_UPLOAD_INVALID');
}

/** One blob on its way: which session, in which way, how far. */
class Attempt {
  readonly #sending: Sending;
  readonly #options: SendOptions;
  readonly #progress: UploadProgress;
  readonly #content: Content;
  #session: RemoteUpload | undefined;
  /** The way that a refusal has taught: in one request, in one before an empty commit, or in chunks of so many bytes. */
  #way: 'whole' | 'beforehand' | number | undefined;
  /** Whether the session was taken up after a failure, by what the registry said of it. */
  #resumed = false;
  /** The fewest bytes of a request that were refused for being too many, and whether the whole blob was. */
  #refused = Number.POSITIVE_INFINITY;
  #refusedWhole = false;
  /** Whether a commit has gone out whose answer did not come. */
  #committing = false;
  /** Bytes that were taken to be sent, with the pieces that a failure broke off. */
  #spent = 0;

  constructor(sending: Sending, options: SendOptions) {
    this.#sending = sending;
    this.#options = options;
    this.#session = sending.session;
    const content = tellingContent(sending.content, (bytes) => {
      this.#spent += bytes;
    });
    this.#progress = new UploadProgress(options.onProgress);
    this.#content = this.#progress.metered(content);
  }

  async run(backoff: Backoff): Promise<void> {
    const { blob, headers, replaces = false } = this.#sending;
    const { signal } = this.#options;
    const options = { signal };
    if (
      this.#session === undefined &&
      this.#committing &&
      !replaces &&
      (await this.#sending.find()) !== undefined
    ) {
      this.#progress.acknowledge(blob.size);
      return;
    }
    this.#session ??= await this.#sending.start();
    const session = this.#session;
    const chunk = this.#chunkOf(session);
    const left = this.#way === 'beforehand' ? 0 : chunk;
    while (blob.size - session.offset > left) {
      await session.append(this.#part(session.offset, Math.min(session.offset + chunk, blob.size)), options);
      if (this.#progress.acknowledge(session.offset)) backoff.reset();
    }
    const rest = this.#part(session.offset, blob.size);
    this.#committing = true;
    const said = headers === undefined ? {} : { headers };
    await session.commit(blob.digest, rest, { ...options, ...said, replaces });
    this.#progress.acknowledge(blob.size);
  }

  /** Whether the bytes can be sent again, and have not been sent too often. */
  isWorthwhile(): boolean {
    const { blob, content } = this.#sending;
    return content.replayable && this.#spent <= mostSent(blob.size, this.#options.retry);
  }

  /** Whether the refusal is of the way of sending, and there is another. */
  async changeWay(error: unknown): Promise<boolean> {
    const session = this.#session;
    if (session === undefined || !this.#sending.content.replayable || !isGantryError(error)) return false;
    // The source failed, whose codes say nothing of the session.
    if (error instanceof CopyError) return false;
    const status = error.response?.status;
    if (this.#resumed && (error.code === 'DIGEST_INVALID' || status === 416)) {
      // What the registry said it had, it had not. One more time, from the start.
      this.#resumed = false;
    } else if (session.offset === 0 && this.#isChunked(session) && refusesChunks(status)) {
      this.#way = 'whole';
    } else if (error.code === 'BLOB_UNKNOWN' && this.#way === undefined && !this.#isChunked(session)) {
      // Artifactory, once: a commit with all of the bytes is a commit of nothing (docker/buildx#196).
      this.#way = 'beforehand';
    } else if (status !== 413 || !this.#shrink(session)) {
      return false;
    }
    await this.abandon();
    return true;
  }

  /** After a failure: the session goes on from where the registry has it, or there will be another. */
  async findSession(backoff: Backoff): Promise<void> {
    const session = this.#session;
    const { signal } = this.#options;
    if (session === undefined) return;
    try {
      await session.locate({ signal });
      this.#resumed = true;
      if (this.#progress.acknowledge(session.offset)) backoff.reset();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isGantryError(error)) throw error;
      await this.abandon();
    }
  }

  /** Without the caller's signal: an abort is when cleaning up matters most. */
  async abandon(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.cancel().catch(() => undefined);
  }

  /** Answers whether there is a smaller piece to try, or after the smallest the whole, where that was not refused yet. */
  #shrink(session: RemoteUpload): boolean {
    if (session.offset > 0) return false;
    const { size } = this.#sending.blob;
    const chunk = this.#chunkOf(session);
    if (chunk >= size) this.#refusedWhole = true;
    this.#refused = Math.min(this.#refused, chunk, size);
    const smaller = smallerPiece(this.#refused);
    if (smaller === undefined && this.#refusedWhole) return false;
    this.#way = smaller ?? 'whole';
    return true;
  }

  #part(from: number, to: number): Content {
    const whole = from === 0 && to === this.#sending.blob.size;
    return whole ? this.#content : sliceContent(this.#content, from, to);
  }

  #isChunked(session: RemoteUpload): boolean {
    return this.#chunkOf(session) < this.#sending.blob.size;
  }

  #chunkOf(session: RemoteUpload): number {
    if (this.#way === 'whole' || this.#way === 'beforehand') return Number.POSITIVE_INFINITY;
    return this.#way ?? this.#sending.chunk(session) ?? Number.POSITIVE_INFINITY;
  }
}
