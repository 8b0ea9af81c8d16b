import { isGantryError, ResponseError, TransportError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { discard } from '../flow/collect.ts';
import { type OpenOptions, sliced } from '../flow/content.ts';
import { type Backoff, createBackoff } from '../http/backoff.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { EncodeOptions } from '../wire/encode.ts';
import { contentLength, headerValue, strongEntityTag } from '../wire/headers.ts';
import type { HttpResponse } from '../wire/message.ts';
import { parseContentRange } from '../wire/range.ts';
import { type Reading, Rush, readBeside } from './beside.ts';
import { downloadRetry, type Exchange, perform } from './exchange.ts';

/**
 * Bytes of progress after which attempts count from the start. With a smaller number a blob could take as many attempts as it
 * has bytes.
 */
const worthAnAttempt = 64 * 1024;

/** A blob of a repository, for a download. */
export interface DownloadSource {
  readonly exchange: Exchange;
  readonly repository: string;
  readonly blob: Pick<Descriptor, 'digest'> & Partial<Pick<Descriptor, 'size'>>;
}

export interface DownloadPart extends Omit<OpenOptions, 'onKept'> {
  /**
   * The reaction to a registry that sends the whole blob instead of the part. `offer`: takes the whole blob. `strict`: fails
   * with UNEXPECTED_ANSWER, since other parts are under way. Default: reads the other bytes and drops them.
   */
  readonly ranges?: 'offer' | 'strict';
  /** The entity tag of the answers for other parts of the blob. */
  readonly entityTag?: string | undefined;
}

/**
 * The download of one blob or a part of it. A connection that breaks, stalls or ends too early, or a registry that refuses for
 * a while, only interrupts it: the download continues from the last byte that arrived. Attempts count from the start only when
 * the blob has come further than ever before. After a refusal to continue, with any status, the download reads the blob once
 * more from its beginning, because stores behind registries refuse a Range and send the whole.
 */
export class Download {
  readonly #source: DownloadSource;
  readonly #signal: AbortSignal | undefined;
  readonly #backoff: Backoff;
  readonly #mode: DownloadPart['ranges'];
  readonly #onSize: OpenOptions['onSize'];
  readonly #offer: OpenOptions['offer'];
  #to: number | undefined;
  #at: number;
  /** The position at which attempts last began to count from the start. */
  #mark = 0;
  /** The position after the last expected byte; undefined until an answer or the descriptor names it. */
  #end: number | undefined;
  /** Whether an answer has begun. Before that, the line has already made all attempts. */
  #begun = false;
  /** Whether the registry sends the requested parts. Otherwise the download reads known bytes again and drops them. */
  #ranges = true;
  #entityTag: string | undefined;
  /** The size of the blob, if an answer has named it. */
  #total: number | undefined;
  readonly #rush = new Rush();

  constructor(
    source: DownloadSource,
    { from = 0, to, signal, ranges, entityTag, onSize, offer }: DownloadPart = {},
  ) {
    this.#source = source;
    this.#mode = ranges;
    this.#entityTag = entityTag;
    this.#signal = signal;
    this.#onSize = onSize;
    this.#offer = offer;
    this.#backoff = createBackoff(downloadRetry(source.exchange.download.retry));
    this.#to = to;
    this.#at = from;
    this.#end = to ?? source.blob.size;
  }

  /** The position of the first missing byte. */
  get at(): number {
    return this.#at;
  }

  /** The strong entity tag of the last answer, if it had one. */
  get entityTag(): string | undefined {
    return this.#entityTag;
  }

  /** The size of the blob, as soon as the descriptor or an answer has named it. */
  get size(): number | undefined {
    return this.#source.blob.size ?? this.#total;
  }

  /** Bytes that have arrived twice, because a second request overtook the first. */
  get repeated(): number {
    return this.#rush.repeated;
  }

  /** Whether the registry sends the requested parts. Before the first answer it counts as one that does. */
  get isRanged(): boolean {
    return this.#ranges && this.#to !== undefined;
  }

  /** Sends a second request for the rest, since the current one is slow. Returns false if that is not possible now. */
  overtake(): boolean {
    return this.#rush.ask();
  }

  /** Yields the bytes from `from` to the end of the blob. The bytes before it have arrived in another way. */
  rest(from: number): AsyncIterable<Uint8Array> {
    this.#at = from;
    this.#takeAll();
    return this.bytes();
  }

  async *bytes(): AsyncIterable<Uint8Array> {
    // A Range that begins at the end would be refused, so nothing may be left to ask for.
    const isLeft = (): boolean => this.#at === 0 || !this.#isOver();
    const begin = (): Reading | undefined => (isLeft() ? this.#begin() : undefined);
    const { clock } = this.#source.exchange;
    if (!isLeft()) return;
    this.#mark = this.#at;
    for (;;) {
      const before = this.#at;
      try {
        for await (const chunk of readBeside(begin, { clock, rush: this.#rush })) {
          this.#at += chunk.byteLength;
          yield chunk;
        }
        if (this.#end === undefined || this.#isOver()) return;
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (!this.#begun) throw error;
        // All bytes have arrived, and only the end of the answer is missing.
        if (!isLeft()) return;
        await this.#pause(error, { came: this.#at > before });
        continue;
      }
      await this.#pause(this.#endedEarly(), { came: this.#at > before, early: true });
    }
  }

  /** Waits for the next attempt, which may start from the beginning. Throws the error if there is none. */
  async #pause(
    error: unknown,
    { came, early = false }: { readonly came: boolean; readonly early?: boolean },
  ): Promise<void> {
    const isFar = this.#at - this.#mark >= worthAnAttempt;
    if (isFar) {
      this.#backoff.reset();
      this.#mark = this.#at;
    }
    // A registry that ends an answer in good order, or is cut off after many bytes, can be asked for the rest at once.
    const isWell = (early && came) || (isFar && isGantryError(error, 'CUT_OFF'));
    const wait = this.#backoff.plan(error, isWell ? 0 : undefined);
    if (wait === undefined) {
      if (!this.#startsOver(error)) throw error;
      return;
    }
    await this.#backoff.wait(wait, this.#signal);
  }

  /** Returns whether the registry refuses the Range for good or for too long. The next attempts then read from the start. */
  #startsOver(error: unknown): boolean {
    const status = isGantryError(error) ? error.response?.status : undefined;
    if (status === undefined || !this.#ranges || this.#mode === 'strict') return false;
    if (this.#at === 0 && this.#to === undefined) return false;
    this.#ranges = false;
    return true;
  }

  #isOver(): boolean {
    return this.#end !== undefined && this.#at >= this.#end;
  }

  #endedEarly(): TransportError {
    const { repository, blob } = this.#source;
    const said = `ended at byte ${this.#at} of ${this.#end}`;
    return new TransportError('CUT_OFF', `blob ${blob.digest} of ${repository} ${said}`);
  }

  #begin(): Reading {
    const abort = new AbortController();
    const release = onAbort(this.#signal, () => abort.abort(this.#signal?.reason));
    const chunks = this.#open(this.#at, abort.signal).then((bytes) => bytes[Symbol.asyncIterator]());
    return {
      begun: chunks,
      next: async () => (await chunks).next(),
      end() {
        release();
        abort.abort();
        chunks.then((iterator) => iterator.return?.()).catch(() => undefined);
      },
    };
  }

  /** Opens the bytes from a position, as far as one answer brings them. */
  async #open(at: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { repository, blob } = this.#source;
    const resumes = this.#begun;
    const ranged = this.#ranges && (at > 0 || this.#to !== undefined);
    const response = await this.#ask(at, ranged, signal);
    if (response === undefined) return this.#open(at, signal);
    this.#begun = true;
    this.#entityTag = strongEntityTag(response.headers);
    const known = this.size !== undefined;
    const start = this.#startOf(response, at, resumes);
    if (!known && this.#total !== undefined) this.#onSize?.(this.#total);
    if (this.#mode === 'strict' && (start === undefined || response.status !== 206)) {
      await discard(response.body);
      const what = `blob ${blob.digest} of ${repository}`;
      throw new ResponseError('UNEXPECTED_ANSWER', `${what}: the registry did not send the requested part`);
    }
    if (this.#mode === 'offer' && response.status === 200) this.#takeAll();
    if (start !== undefined) {
      const to = this.#to === undefined ? undefined : this.#to - start;
      return sliced(response.body, { from: at - start, to });
    }
    await discard(response.body);
    if (ranged) {
      this.#ranges = false;
      if (this.#mode === 'offer') this.#takeAll();
      return this.#open(at, signal);
    }
    const what = `blob ${blob.digest} of ${repository}`;
    throw new ResponseError(
      'UNEXPECTED_ANSWER',
      `${what}: the registry sent another part instead of the whole blob`,
    );
  }

  /** Resolves with undefined if the registry refused the Range. The download does not send it again. */
  async #ask(at: number, ranged: boolean, signal: AbortSignal): Promise<HttpResponse | undefined> {
    const { exchange, repository, blob } = this.#source;
    try {
      const { response } = await perform(
        exchange,
        { kind: 'blob.get', repository, digest: blob.digest },
        ranged ? [200, 206, 416] : [200, 206],
        { ...(ranged ? this.#range(at) : {}), signal, offer: this.#offer },
      );
      return response;
    } catch (error) {
      const status = isGantryError(error) ? error.response?.status : undefined;
      if (!ranged || this.#mode === 'strict' || this.#begun) throw error;
      if (status === undefined || [401, 404, 429].includes(status)) throw error;
      this.#ranges = false;
      if (this.#mode === 'offer') this.#takeAll();
      return undefined;
    }
  }

  #takeAll(): void {
    this.#to = undefined;
    this.#end = this.size;
  }

  #range(at: number): Pick<EncodeOptions, 'range' | 'headers'> {
    const { size = this.#to } = this;
    const range = {
      from: at,
      ...(this.#to === undefined ? {} : { to: Math.min(this.#to, size ?? this.#to) }),
    };
    return this.#entityTag === undefined ? { range } : { range, headers: { 'if-range': [this.#entityTag] } };
  }

  /** Returns the position in the blob at which the answer begins; undefined for an answer of no use. */
  #startOf({ status, headers }: HttpResponse, at: number, resumes: boolean): number | undefined {
    if (status === 200) {
      const length = contentLength(headers);
      this.#learn(length);
      // The registry has named this end twice. The verification of the bytes shows the fault.
      if (resumes && length !== undefined && length <= at) this.#end = at;
      return 0;
    }
    const range = status === 206 ? parseContentRange(headerValue(headers, 'content-range')) : undefined;
    if (range === undefined || range.from > at || range.to <= at) return undefined;
    this.#learn(range.size);
    return range.from;
  }

  /** Notes the size of the blob by an answer. The size in the descriptor counts more. */
  #learn(total: number | undefined): void {
    if (total === undefined || this.size !== undefined) return;
    this.#total = total;
    this.#end = Math.min(this.#end ?? total, total);
  }
}
