import { ContentError, CopyError, isGantryError, TransportError } from '../../errors.ts';
import { type Content, mapContent, sliceContent } from '../../flow/content.ts';
import { type Backoff, createBackoff, defaultLayerRetry, type RetryOptions } from '../../http/backoff.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { given } from '../../spec/options.ts';
import type { ProgressObserver } from '../../store/blob-progress.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { HeaderMap } from '../../wire/message.ts';
import type { UploadNote } from './journaled.ts';
import { refusesChunks, smallerPiece } from './plan.ts';
import { UploadProgress } from './progress.ts';
import type { RemoteUpload } from './session.ts';

export interface Sending {
  readonly blob: Descriptor;
  readonly content: Content;
  start(): Promise<RemoteUpload>;
  /** Asks whether the registry has the blob by now: only the answer to its commit may be lost. */
  find(): Promise<Descriptor | undefined>;
  /** An open session, such as a declined mount leaves. */
  readonly session?: RemoteUpload | undefined;
  /** Whether another process has started the session and sent its bytes. */
  readonly isEarlier?: boolean;
  /** The note by which a later process can continue. */
  readonly note?: UploadNote | undefined;
  /** Returns the bytes of each chunk in the session; undefined for one request. */
  readonly chunk: (session: RemoteUpload) => number | undefined;
  /** The headers of the commit. */
  readonly headers?: HeaderMap;
  /** Whether these bytes replace a blob that the registry has. */
  readonly replaces?: boolean | undefined;
}

export interface SendBlobOptions extends SignalOptions {
  readonly retry?: RetryOptions | undefined;
  readonly onProgress?: ProgressObserver | undefined;
}

/** The limits of the bytes that one blob may cost: so many times its size, and at least so many bytes. */
const mostTimes = 10;
const mostBytes = 16 * 1024 * 1024;

/**
 * Returns the most bytes to send for a blob, however the registry advances. Sessions that are lost a little later each time
 * advance the blob, and each costs all bytes before.
 */
export function mostSent(size: number, retry: RetryOptions | undefined): number {
  return Math.max(mostBytes, size * Math.max(uploadRetry(retry).attempts ?? 0, mostTimes));
}

/** Returns the same content, and reports each chunk before it goes out, since a cut leaves unknown how much arrived. */
export function tellingContent(content: Content, onBytes: (bytes: number) => void): Content {
  return mapContent(content, async function* tell(source) {
    for await (const chunk of source) {
      onBytes(chunk.byteLength);
      yield chunk;
    }
  });
}

/**
 * Sends a blob from replayable content. After a failure that may pass, asks for the offset of the session and sends the rest, or
 * starts a new session if that one is gone. Attempts count from the start only when the registry has more of the blob than in
 * any session before: the first chunks of a new session are no progress.
 */
export async function sendBlob(sending: Sending, options: SendBlobOptions): Promise<void> {
  const attempt = new Attempt(sending, options);
  const backoff = createBackoff(uploadRetry(options.retry));
  try {
    for (;;) {
      try {
        await attempt.run(backoff);
        return;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (await attempt.changeMethod(error)) continue;
        const wait = attempt.isWorthwhile() ? backoff.plan(error) : undefined;
        if (wait === undefined) throw error;
        await backoff.wait(wait, options.signal);
        await attempt.findSession(backoff);
      }
    }
  } catch (error) {
    await attempt.giveUp(error);
    throw error;
  }
}

/** Returns whether the session may be of use to a later process: the registry has not refused the upload. */
function mayContinue(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted === true || error instanceof TransportError || error instanceof CopyError) return true;
  const status = isGantryError(error) ? (error.response?.status ?? 0) : 0;
  return status === 408 || status === 429 || status >= 500;
}

/** Completes the options with `defaultLayerRetry`, and retries a lost session, which can start anew. */
export function uploadRetry(options: RetryOptions = {}): RetryOptions {
  return {
    ...defaultLayerRetry,
    ...given(options),
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

/** The upload of one blob, with its session, its method and its offset. */
class Attempt {
  readonly #sending: Sending;
  readonly #options: SendBlobOptions;
  readonly #progress: UploadProgress;
  readonly #content: Content;
  #session: RemoteUpload | undefined;
  /** The method after a refusal: one request, one request before an empty commit, or chunks of so many bytes. */
  #method: 'whole' | 'beforehand' | number | undefined;
  /** Whether the upload continues a session after a failure, at the offset of the registry. */
  #resumed = false;
  /** The fewest bytes of a request that the registry refused as too many, and whether it refused the whole blob. */
  #refused = Number.POSITIVE_INFINITY;
  #refusedWhole = false;
  /** Whether the session comes from another process and has not taken a byte of this one. */
  #isEarlier: boolean;
  /** Whether the session holds bytes that another process has sent. */
  #hasForeignBytes: boolean;
  /** Whether a commit has gone out without an answer. */
  #committing = false;
  /** Bytes that the transport has taken, including pieces that broke off. */
  #spent = 0;

  constructor(sending: Sending, options: SendBlobOptions) {
    this.#sending = sending;
    this.#options = options;
    this.#session = sending.session;
    this.#isEarlier = sending.isEarlier === true;
    this.#resumed = this.#isEarlier;
    this.#hasForeignBytes = this.#isEarlier;
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
    await this.#sending.note?.keep(session);
    if (this.#isEarlier) this.#progress.acknowledge(session.offset);
    const chunk = this.#chunkOf(session);
    const left = this.#method === 'beforehand' ? 0 : chunk;
    while (blob.size - session.offset > left) {
      await session.append(this.#part(session.offset, Math.min(session.offset + chunk, blob.size)), options);
      this.#isEarlier = false;
      await this.#sending.note?.keep(session);
      if (this.#progress.acknowledge(session.offset)) backoff.reset();
    }
    const rest = this.#part(session.offset, blob.size);
    this.#committing = true;
    await session.commit(blob.digest, rest, { ...options, headers, replaces });
    if (this.#hasForeignBytes) await this.#checkStored();
    this.#progress.acknowledge(blob.size);
    await this.#sending.note?.forget();
  }

  /** Asks for the blob, because this process has not sent all of its bytes. Throws DIGEST_INVALID. */
  async #checkStored(): Promise<void> {
    if ((await this.#sending.find()) !== undefined) return;
    const { digest } = this.#sending.blob;
    const message = `the registry does not have blob ${digest} after an upload that an earlier process began`;
    throw new ContentError('DIGEST_INVALID', message, { expected: digest });
  }

  /** Returns whether the bytes can be sent again, and have not cost too many bytes. */
  isWorthwhile(): boolean {
    const { blob, content } = this.#sending;
    return content.replayable && this.#spent <= mostSent(blob.size, this.#options.retry);
  }

  /** Changes the method if the registry refused this one and another exists. Returns whether it did. */
  async changeMethod(error: unknown): Promise<boolean> {
    const session = this.#session;
    if (session === undefined || !this.#sending.content.replayable || !isGantryError(error)) return false;
    // The source failed. Its codes say nothing about the session.
    if (error instanceof CopyError) return false;
    const status = error.response?.status;
    const isRefused = status !== undefined && status !== 401 && !mayContinue(error, this.#options.signal);
    if (this.#isEarlier && status === 416 && (await this.#hasMoved(session))) return true;
    if (this.#isEarlier && isRefused) {
      // The session has probably expired, which registries report with many statuses.
      this.#resumed = false;
    } else if (this.#resumed && (error.code === 'DIGEST_INVALID' || status === 416)) {
      // The registry does not have the bytes that it reported. The upload starts once more.
      this.#resumed = false;
    } else if (session.offset === 0 && this.#isChunked(session) && refusesChunks(status)) {
      this.#method = 'whole';
    } else if (error.code === 'BLOB_UNKNOWN' && this.#method === undefined && !this.#isChunked(session)) {
      // Artifactory has taken a commit with all bytes for an empty one (docker/buildx#196).
      this.#method = 'beforehand';
    } else if (status !== 413 || !this.#shrink(session)) {
      return false;
    }
    await this.abandon();
    return true;
  }

  /** Asks once more for the session of a killed process, whose last bytes the registry may have stored meanwhile. */
  async #hasMoved(session: RemoteUpload): Promise<boolean> {
    const again = await this.#sending.note?.session({ signal: this.#options.signal });
    if (again === undefined || again.offset <= session.offset) return false;
    this.#session = again;
    return true;
  }

  /** Prepares the next attempt after a failure: continues the session at the registry's offset, or drops it. */
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

  /** Cancels the session, without the caller's signal: after an abort the clean-up matters most. */
  async abandon(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#isEarlier = false;
    this.#hasForeignBytes = false;
    await session?.cancel().catch(() => undefined);
    await this.#sending.note?.forget();
  }

  /** Ends the upload after its last attempt. Keeps a noted session that a later process may continue. */
  async giveUp(error: unknown): Promise<void> {
    if (this.#sending.note === undefined || !mayContinue(error, this.#options.signal)) return this.abandon();
    if (this.#session !== undefined) await this.#sending.note.keep(this.#session);
  }

  /** Chooses a smaller piece, or after the smallest one the whole blob, unless it was refused. Returns whether it could. */
  #shrink(session: RemoteUpload): boolean {
    if (session.offset > 0) return false;
    const { size } = this.#sending.blob;
    const chunk = this.#chunkOf(session);
    if (chunk >= size) this.#refusedWhole = true;
    this.#refused = Math.min(this.#refused, chunk, size);
    const smaller = smallerPiece(this.#refused);
    if (smaller === undefined && this.#refusedWhole) return false;
    this.#method = smaller ?? 'whole';
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
    if (this.#method === 'whole' || this.#method === 'beforehand') return Number.POSITIVE_INFINITY;
    return this.#method ?? this.#sending.chunk(session) ?? Number.POSITIVE_INFINITY;
  }
}
