import { unlessAborted } from '../../flow/abort.ts';
import type { Content, OpenOptions } from '../../flow/content.ts';
import type { Pool } from '../../flow/pool.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { computableAlgorithm } from '../../spec/digest.ts';
import type { Blobs, SignalOptions, Upload } from '../contract.ts';
import { abandon } from '../ingest.ts';

export interface FetchOptions extends SignalOptions {
  readonly blob: Descriptor;
  /** From the upstream. */
  readonly content: Content;
  readonly cache: Pick<Blobs, 'stat' | 'start' | 'open'>;
  readonly pool: Pool;
  /** What readers are told of a failure. */
  readonly explain: (error: unknown) => unknown;
}

/**
 * One blob on its way into the cache, for all who want it meanwhile: each reads at its own pace what has arrived, from the
 * cache's unfinished upload, so nothing is held in memory for the slow and nobody waits for them. It goes on when readers
 * leave: who broke off comes back.
 */
export class BlobFetch {
  readonly blob: Descriptor;
  /** Settles, and never rejects, when the blob is kept or given up. Of one that is given up nothing stays. */
  readonly settled: Promise<void>;
  readonly #options: FetchOptions;
  #upload: Upload | undefined;
  #wake: () => void = () => undefined;
  /** Settles when more has arrived, or the end. */
  #changed: Promise<void> = this.#nextChange();
  #end: 'kept' | { readonly error: unknown } | undefined;

  constructor(options: FetchOptions) {
    this.blob = options.blob;
    this.#options = options;
    const { pool, signal, explain } = options;
    this.settled = pool
      .run(() => this.#run(), { signal })
      .then(
        () => this.#finish('kept'),
        (error: unknown) => this.#finish({ error: explain(error) }),
      );
  }

  /** The bytes as they arrive. The last one is held back until all are verified: a body that is wrong breaks off. */
  async *read({ from = 0, to = this.blob.size, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
    const { size } = this.blob;
    for (let at = from; ; ) {
      signal?.throwIfAborted();
      if (at >= to && to < size) return;
      if (this.#end === 'kept') {
        yield* this.#options.cache.open(this.blob).open({ from: at, to, signal });
        return;
      }
      if (this.#end !== undefined) throw this.#end.error;
      const before = at;
      const arrived = Math.min(to, this.#upload?.offset ?? 0, size - 1);
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
    const { blob, content, cache, signal } = this.#options;
    // Another may have finished while this one was asked for.
    if ((await cache.stat(blob.digest, { signal })) !== undefined) return;
    const upload = await cache.start({ algorithm: computableAlgorithm(blob.digest), signal });
    this.#upload = upload;
    let known = 0;
    const onProgress = ({ acknowledged }: { readonly acknowledged: number }): void => {
      if (acknowledged > known) this.#announce();
      known = acknowledged;
    };
    try {
      await upload.commit(blob.digest, content, { signal, onProgress });
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
