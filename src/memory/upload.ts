import { NotFoundError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { createHasher } from '../flow/hash.ts';
import { checkDigest } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { AppendOptions, Upload } from '../store/upload.ts';
import { createUploadMutex, type UploadMutex } from '../store/upload-mutex.ts';
import { type MemoryBlob, slices } from './blob.ts';

interface Ends {
  /** Stores the finished blob in the repository of the session. */
  readonly keep: (digest: Digest, blob: MemoryBlob) => Descriptor;
  readonly forget: () => void;
}

/** An upload session. All callers that resume it share the object. Concurrent appends run one after the other. */
export class MemoryUpload implements Upload {
  readonly id: string;
  readonly repository: string;
  readonly limits: Upload['limits'] = {};
  readonly #algorithm: Algorithm;
  readonly #ends: Ends;
  readonly #hasher: ReturnType<typeof createHasher>;
  readonly #mutex: UploadMutex;
  readonly #chunks: Uint8Array[] = [];
  #offset = 0;
  #closed = false;

  constructor(id: string, repository: string, algorithm: Algorithm, ends: Ends) {
    this.id = id;
    this.#mutex = createUploadMutex(id);
    this.repository = repository;
    this.#algorithm = algorithm;
    this.#ends = ends;
    this.#hasher = createHasher(algorithm);
  }

  get offset(): number {
    return this.#offset;
  }

  append(content: Content, options: AppendOptions = {}): Promise<void> {
    return this.#mutex.run((telling) => this.#take(content, telling), options);
  }

  async commit(digest: Digest, content?: Content, options: AppendOptions = {}): Promise<Descriptor> {
    const algorithm = computableAlgorithm(digest);
    return this.#mutex.run(async (telling) => {
      if (content !== undefined) await this.#take(content, telling);
      options.signal?.throwIfAborted();
      this.#mustBeOpen();
      this.#close();
      checkDigest(this.#digest(algorithm), digest, `blob ${digest}`);
      return this.#ends.keep(digest, { chunks: this.#chunks, size: this.#offset });
    }, options);
  }

  async *open({ from, to = this.#offset, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
    if (this.#closed) return;
    const arrived = { chunks: this.#chunks, size: this.#offset };
    yield* slices(arrived, { from: from ?? 0, to: Math.min(to, this.#offset), signal });
  }

  async cancel(): Promise<void> {
    this.#close();
  }

  async #take(content: Content, { signal, onProgress }: AppendOptions): Promise<void> {
    signal?.throwIfAborted();
    this.#mustBeOpen();
    for await (const chunk of content.open({ signal })) {
      signal?.throwIfAborted();
      // Not slice(), which is a view in Node's Buffer.
      this.#chunks.push(new Uint8Array(chunk));
      this.#hasher.update(chunk);
      this.#offset += chunk.byteLength;
      onProgress?.({ sent: this.#offset, acknowledged: this.#offset, moved: this.#offset });
    }
  }

  #close(): void {
    this.#closed = true;
    this.#ends.forget();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', 'the upload session has ended');
  }

  /** Returns the running hash, unless the commit names another algorithm. */
  #digest(algorithm: Algorithm): Digest {
    if (algorithm === this.#algorithm) return this.#hasher.digest();
    const hasher = createHasher(algorithm);
    for (const chunk of this.#chunks) hasher.update(chunk);
    return hasher.digest();
  }
}
