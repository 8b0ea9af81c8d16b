import { ContentError, isGantryError } from '../../errors.ts';
import { bytesContent, type Content, mapContent, streamContent } from '../../flow/content.ts';
import { createHasher, type Hasher, hashing } from '../../flow/hash.ts';
import { createSemaphore, type Semaphore } from '../../flow/semaphore.ts';
import { type Backoff, createBackoff } from '../../http/backoff.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Algorithm, Digest } from '../../spec/digest.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { noting } from '../../store/upload-mutex.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { refusedAsUnsupported } from '../stored.ts';
import { UploadProgress } from './progress.ts';
import {
  mostSent,
  refusesChunks,
  type SendOptions,
  smallerPiece,
  tellingContent,
  uploadRetry,
} from './resume.ts';
import type { RemoteUpload } from './session.ts';
import { inChunks, rejoined } from './stream-chunks.ts';

export interface Streaming {
  readonly content: Content;
  readonly algorithm: Algorithm;
  start(): Promise<RemoteUpload>;
  /** Asks whether a blob is there: the answer to its commit may be all that was lost. */
  find(digest: Digest): Promise<Descriptor | undefined>;
  /** Bytes of each chunk in such a session; undefined: one request without a length. */
  readonly chunk: (session: RemoteUpload) => number | undefined;
  /** Said with the commit. */
  readonly headers: HeaderMap;
}

/**
 * Each stream keeps one chunk of 16 MiB: together no more than 64 MiB for the process. A stream of which nothing has come or
 * gone for 5 minutes may be one that never ends: one more is let in beside it then.
 */
const streams = createSemaphore(4, { patience: 5 * 60_000 });

/**
 * Sends content that can be read once and whose digest is only known at its end. One chunk at a time is kept, and sent
 * again as far as the registry has not got it; a session that the registry has dropped can't be begun anew.
 */
export async function sendStream(
  streaming: Streaming,
  options: SendOptions,
  places: Semaphore = streams,
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
  /** Whether it has been done already. */
  readonly find?: () => Promise<T | undefined>;
}

/** The upload of one stream: which session, how far. */
class StreamUpload {
  readonly #streaming: Streaming;
  readonly #options: SendOptions;
  readonly #backoff: Backoff;
  readonly #progress: UploadProgress;
  #session: RemoteUpload | undefined;
  /** The bytes that one request may have: fewer after some were too many. */
  #most = Number.POSITIVE_INFINITY;
  /** Bytes that were taken to be sent, with the pieces that a failure broke off. */
  #spent = 0;

  constructor(streaming: Streaming, options: SendOptions) {
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
        if (done === true) throw new RangeError('the last chunk was not the last');
        if (value.last) return await this.#finish(value.bytes, hasher.digest());
        const taken = await this.#append(value.bytes);
        if (!taken)
          return await this.#sendWhole(await this.#startAnew(), rejoined(value.bytes, chunks), hasher);
      }
    } finally {
      await chunks.return?.();
    }
  }

  /** Without the caller's signal: an abort is when cleaning up matters most. */
  async abandon(): Promise<void> {
    await this.#session?.cancel().catch(() => undefined);
  }

  /** Everything in one request without a length, which can't be repeated. */
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
   * Sends bytes in pieces as large as were not too many yet. Answers whether the registry takes chunks at all: some refuse the
   * first one.
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

  /** Answers whether there is a smaller piece to try. */
  #shrink(refused: number): boolean {
    const smaller = smallerPiece(refused);
    if (smaller === undefined) return false;
    this.#most = smaller;
    return true;
  }

  /** Closes the session with the last bytes; those that are too many for one request go before it. */
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
      'the registry takes neither the last piece of a stream nor a part of it',
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
   * Does a step with what of the bytes the registry has not got yet, as often as it takes. In a session that has nothing
   * but these bytes it can be done again from the start.
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

  /** Finds out where the session stands; answers why that can't be known. */
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
    const telling = tellingContent(content, (bytes) => {
      this.#spent += bytes;
    });
    return this.#progress.metered(telling, () => this.#session?.offset ?? 0);
  }

  /** Attempts start again only where the stream has come further than in any session before. */
  #advance(offset: number): void {
    if (this.#progress.acknowledge(offset)) this.#backoff.reset();
  }

  #signal(): SignalOptions {
    const { signal } = this.#options;
    return { signal };
  }
}
