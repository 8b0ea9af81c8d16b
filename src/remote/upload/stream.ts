import { ContentError, isGantryError } from '../../errors.ts';
import { bytesContent, type Content, mapContent, streamContent } from '../../flow/content.ts';
import { createHasher, type Hasher, hashing } from '../../flow/hash.ts';
import type { Semaphore } from '../../flow/semaphore.ts';
import { type Backoff, createBackoff } from '../../http/backoff.ts';
import type { Bandwidth } from '../../http/bandwidth.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Algorithm, Digest } from '../../spec/digest.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { noting } from '../../store/upload-mutex.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { refusedAsUnsupported } from '../stored.ts';
import { inPieces } from './pieces.ts';
import { refusesChunks, smallerPiece } from './plan.ts';
import { UploadProgress } from './progress.ts';
import { mostSent, type SendBlobOptions, tellingContent, uploadRetry } from './resume.ts';
import type { RemoteUpload } from './session.ts';
import { inChunks, rejoined } from './stream-chunks.ts';

export interface Streaming {
  readonly content: Content;
  readonly algorithm: Algorithm;
  readonly bandwidth?: Bandwidth | undefined;
  start(): Promise<RemoteUpload>;
  /** Asks whether the registry has a blob: only the answer to its commit may be lost. */
  find(digest: Digest): Promise<Descriptor | undefined>;
  /** Returns the bytes of each chunk in the session; undefined for one request without a length. */
  readonly chunk: (session: RemoteUpload) => number | undefined;
  /** The headers of the commit. */
  readonly headers: HeaderMap;
}

/**
 * Sends content that can be read only once, and has its digest only at its end. Keeps one chunk at a time, and sends the missing
 * part of it again after a failure. A session that the registry has dropped cannot start anew.
 */
export async function sendStream(
  streaming: Streaming,
  options: SendBlobOptions,
  places: Semaphore,
): Promise<Descriptor> {
  const place = await places.acquire(1, options);
  const { content } = streaming;
  const counted = mapContent(content, (source) => passed(source, place.moved));
  const upload = new StreamUpload({ ...streaming, content: counted }, noting(options, place.moved));
  try {
    return await upload.run();
  } catch (error) {
    await upload.abandon();
    throw error;
  } finally {
    place.release();
  }
}

async function* passed(source: AsyncIterable<Uint8Array>, onChunk: () => void): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    onChunk();
    yield chunk;
  }
}

interface Step<T> {
  readonly step: (session: RemoteUpload, rest: Content | undefined) => Promise<T>;
  /** Returns the result if the step is done already. */
  readonly find?: () => Promise<T | undefined>;
}

/** The upload of one stream, with its session and its offset. */
class StreamUpload {
  readonly #streaming: Streaming;
  readonly #options: SendBlobOptions;
  readonly #backoff: Backoff;
  readonly #progress: UploadProgress;
  #session: RemoteUpload | undefined;
  /** The most bytes of one request. A refusal lowers it. */
  #most = Number.POSITIVE_INFINITY;
  /** Bytes that the transport has taken, including pieces that broke off. */
  #spent = 0;

  constructor(streaming: Streaming, options: SendBlobOptions) {
    this.#streaming = streaming;
    this.#options = options;
    this.#backoff = createBackoff(uploadRetry(options.retry));
    this.#progress = new UploadProgress(options.onProgress);
  }

  async run(): Promise<Descriptor> {
    const { content, algorithm, chunk } = this.#streaming;
    const session = await this.#start();
    const hasher = createHasher(algorithm);
    const source = hashing(content.open(this.#signal()), hasher);
    const size = chunk(session);
    if (size === undefined) return await this.#sendWhole(session, source, hasher);
    const chunks = inChunks(source, size)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await chunks.next();
        if (done === true) throw new RangeError('the stream ended without a last chunk');
        if (value.last) return await this.#finish(value.bytes, hasher.digest());
        const taken = await this.#append(value.bytes);
        if (!taken)
          return await this.#sendWhole(await this.#startAnew(), rejoined(value.bytes, chunks), hasher);
      }
    } finally {
      await chunks.return?.();
    }
  }

  /** Cancels the session, without the caller's signal: after an abort the clean-up matters most. */
  async abandon(): Promise<void> {
    await this.#session?.cancel().catch(() => undefined);
  }

  /** Sends everything in one request without a length, which cannot be repeated. */
  async #sendWhole(
    session: RemoteUpload,
    source: AsyncIterable<Uint8Array>,
    hasher: Hasher,
  ): Promise<Descriptor> {
    await session.append(this.#metered(streamContent(source)), this.#signal());
    this.#advance(session.offset);
    return this.#commit(new Uint8Array(0), hasher.digest());
  }

  /**
   * Sends bytes in the largest pieces that the registry has not refused. Returns false if the registry takes no chunks: some
   * refuse the first one.
   */
  async #append(bytes: Uint8Array): Promise<boolean> {
    const first = this.#session?.offset === 0;
    for (let at = 0; at < bytes.byteLength; ) {
      const piece = bytes.subarray(at, at + this.#most);
      try {
        await this.#persist(piece, {
          step: async (session, rest) => {
            if (rest !== undefined) await session.append(this.#metered(rest), this.#signal());
          },
        });
        at += piece.byteLength;
      } catch (error) {
        const status = isGantryError(error) ? error.response?.status : undefined;
        if (status === 413 && this.#shrink(piece.byteLength)) continue;
        const isRefused = refusesChunks(status) || status === 413;
        if (first && this.#session?.offset === 0 && isRefused) return false;
        throw error;
      }
    }
    return true;
  }

  /** Chooses a smaller piece. Returns false if there is none. */
  #shrink(refused: number): boolean {
    const smaller = smallerPiece(refused);
    if (smaller === undefined) return false;
    this.#most = smaller;
    return true;
  }

  /** Closes the session with the last bytes. Appends them before if they are too many for one request. */
  async #finish(bytes: Uint8Array, digest: Digest): Promise<Descriptor> {
    if (bytes.byteLength <= this.#most) {
      try {
        return await this.#commit(bytes, digest);
      } catch (error) {
        const status = isGantryError(error) ? error.response?.status : undefined;
        if (status !== 413 || !this.#shrink(bytes.byteLength)) throw error;
      }
    }
    if (await this.#append(bytes)) return this.#commit(new Uint8Array(0), digest);
    throw new ContentError(
      'TOO_LARGE',
      'the registry accepts neither the last piece of the stream nor a part of it',
    );
  }

  #commit(bytes: Uint8Array, digest: Digest): Promise<Descriptor> {
    const { headers } = this.#streaming;
    return refusedAsUnsupported(digest, () =>
      this.#persist(bytes, {
        step: (session, rest) =>
          session.commit(digest, rest && this.#metered(rest), { ...this.#signal(), headers }),
        find: () => this.#streaming.find(digest),
      }),
    );
  }

  /**
   * Repeats a step with the missing part of the bytes until it succeeds. If the session holds only these bytes, a new session
   * can replace it.
   */
  async #persist<T>(bytes: Uint8Array, { step, find }: Step<T>): Promise<T> {
    let session = this.#session ?? (await this.#start());
    const start = session.offset;
    const most = this.#spent + mostSent(bytes.byteLength, this.#options.retry);
    for (;;) {
      const before = session.offset;
      const rest = bytes.subarray(before - start);
      try {
        const outcome = await step(session, rest.byteLength === 0 ? undefined : bytesContent(rest));
        this.#advance(session.offset);
        return outcome;
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        const wait = this.#spent <= most ? this.#backoff.plan(error) : undefined;
        if (wait === undefined) throw error;
        await this.#backoff.wait(wait, this.#options.signal);
        const lost = await this.#relocate(session);
        if (lost === undefined) {
          this.#advance(session.offset);
          continue;
        }
        const there = await find?.();
        if (there !== undefined) return there;
        if (start > 0) throw lost;
        session = await this.#startAnew();
      }
    }
  }

  /** Asks for the offset of the session. Resolves with the error if that fails. */
  async #relocate(session: RemoteUpload): Promise<unknown> {
    try {
      await session.locate(this.#signal());
      return undefined;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      return error;
    }
  }

  async #start(): Promise<RemoteUpload> {
    for (;;) {
      try {
        this.#session = await this.#streaming.start();
        return this.#session;
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        const wait = this.#backoff.plan(error);
        if (wait === undefined) throw error;
        await this.#backoff.wait(wait, this.#options.signal);
      }
    }
  }

  async #startAnew(): Promise<RemoteUpload> {
    await this.abandon();
    return this.#start();
  }

  #metered(content: Content): Content {
    const pieces = inPieces(content, this.#streaming.bandwidth);
    const telling = tellingContent(pieces, (bytes) => {
      this.#spent += bytes;
    });
    return this.#progress.metered(telling, () => this.#session?.offset ?? 0);
  }

  /** Counts attempts from the start only if the stream has come further than in any session before. */
  #advance(offset: number): void {
    if (this.#progress.acknowledge(offset)) this.#backoff.reset();
  }

  #signal(): SignalOptions {
    const { signal } = this.#options;
    return { signal };
  }
}
