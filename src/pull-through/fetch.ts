import { TransportError } from '../errors.ts';
import { unlessAborted } from '../flow/abort.ts';
import { type Content, type OpenOptions, streamContent } from '../flow/content.ts';
import type { Pool } from '../flow/pool.ts';
import { lastResort, within } from '../flow/within.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Blobs, SignalOptions } from '../store/contract.ts';
import { abandon } from '../store/ingest.ts';
import type { Upload } from '../store/upload.ts';

export interface FetchOptions extends SignalOptions {
  readonly digest: Digest;
  /** The blob in the upstream. */
  readonly content: Content;
  readonly cache: Pick<Blobs, 'stat' | 'mount' | 'start' | 'open'>;
  readonly pool: Pool;
  /** Converts a failure into the error for readers. */
  readonly explain: (error: unknown) => unknown;
  /**
   * Milliseconds that the upstream may stay silent. The timeouts of a connection are far shorter.
   * @defaultValue 15 minutes
   */
  readonly patience?: number | undefined;
}

/**
 * One blob on its way into the cache, shared by all of its readers. Each reads the bytes so far from the cache's
 * unfinished upload, at its own pace, so a slow reader uses no memory and delays no other. The fetch continues when
 * readers leave, since a client that broke off returns.
 */
export class BlobFetch {
  /**
   * Settles, and never rejects, when the blob is stored or the fetch has failed. A failed fetch leaves nothing behind.
   */
  readonly settled: Promise<void>;
  readonly #options: FetchOptions;
  /** Undefined until the answer gives the size, when it was not known before. */
  #size: number | undefined;
  #upload: Upload | undefined;
  #wake: () => void = () => undefined;
  /** Settles when more bytes have arrived or the fetch has ended. */
  #changed: Promise<void> = this.#nextChange();
  #end: 'kept' | { readonly error: unknown } | undefined;

  constructor(options: FetchOptions) {
    this.#options = options;
    this.#size = options.content.size;
    const { pool, signal, explain } = options;
    this.settled = pool
      .run(() => this.#run(), { signal })
      .then(
        () => this.#finish('kept'),
        (error: unknown) => this.#finish({ error: explain(error) }),
      );
  }

  /**
   * Resolves when there is something to read and its length is known. Waits for the whole of a blob that comes in one
   * piece, so that its errors are still reported in time.
   * @throws the error that prevents the fetch
   */
  async begun({ signal }: SignalOptions = {}): Promise<Descriptor> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#end !== undefined && this.#end !== 'kept') throw this.#end.error;
      const [arrived, size] = [this.#upload?.offset ?? 0, this.#size];
      if (size !== undefined && (this.#end === 'kept' || (arrived > 0 && arrived < size))) {
        return { mediaType: MediaType.octetStream, digest: this.#options.digest, size };
      }
      await unlessAborted(this.#changed, signal);
    }
  }

  /**
   * Yields the bytes as they arrive. Holds back the last one until all are verified, so that a wrong body breaks off.
   */
  async *read({
    from = 0,
    to = Number.POSITIVE_INFINITY,
    signal,
  }: OpenOptions = {}): AsyncIterable<Uint8Array> {
    const { size } = await this.begun({ signal });
    const end = Math.min(to, size);
    for (let at = from; ; ) {
      signal?.throwIfAborted();
      if (at >= end && end < size) return;
      if (this.#end === 'kept') {
        yield* this.#options.cache.open(this.#options.digest).open({ from: at, to: end, signal });
        return;
      }
      if (this.#end !== undefined) throw this.#end.error;
      const before = at;
      const arrived = Math.min(end, this.#upload?.offset ?? 0, size - 1);
      if (at < arrived) {
        for await (const chunk of this.#upload?.open?.({ from: at, to: arrived, signal }) ?? []) {
          at += chunk.byteLength;
          yield chunk;
        }
      }
      if (at === before && this.#end === undefined) await unlessAborted(this.#changed, signal);
    }
  }

  async #run(): Promise<void> {
    const { digest, content, cache, signal, patience = lastResort } = this.#options;
    // Another fetch may have finished in the meantime.
    if (this.#has(await cache.stat(digest, { signal }))) return;
    const onSize = (size: number): void => {
      this.#size ??= size;
    };
    const bytes = content.open({ signal, onSize })[Symbol.asyncIterator]();
    try {
      const next = (): Promise<IteratorResult<Uint8Array>> =>
        within(bytes.next(), patience, () => silence(patience));
      const first = await next();
      // The answer confirms that this repository has the blob, so a copy that came through another repository is
      // mounted.
      if (this.#has(await cache.mount(digest, { signal }))) return;
      await this.#keep(streamContent(goingOn(first, next)));
    } finally {
      // Not awaited: an upstream that sends nothing may never end either.
      bytes.return?.().catch(() => undefined);
    }
  }

  #has(blob: Descriptor | undefined): boolean {
    if (blob === undefined) return false;
    this.#size = blob.size;
    return true;
  }

  async #keep(content: Content): Promise<void> {
    const { digest, cache, signal } = this.#options;
    const upload = await cache.start({ digest, signal });
    this.#upload = upload;
    let known = 0;
    const onProgress = ({ acknowledged }: { readonly acknowledged: number }): void => {
      if (acknowledged > known) this.#announce();
      known = acknowledged;
    };
    try {
      this.#has(await upload.commit(digest, content, { signal, onProgress }));
    } catch (error) {
      await abandon(upload);
      throw error;
    }
  }

  #finish(end: 'kept' | { readonly error: unknown }): void {
    this.#end = end;
    this.#announce();
  }

  #announce(): void {
    const wake = this.#wake;
    this.#changed = this.#nextChange();
    wake();
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Yields a source after its first chunk was requested separately. */
async function* goingOn(
  first: IteratorResult<Uint8Array>,
  rest: () => Promise<IteratorResult<Uint8Array>>,
): AsyncIterable<Uint8Array> {
  for (let next = first; next.done !== true; next = await rest()) yield next.value;
}

function silence(patience: number): TransportError {
  return new TransportError('STALLED', `the upstream sent nothing for ${patience / 1000} s`);
}
