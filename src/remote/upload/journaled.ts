import { isGantryError, TransportError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { UploadJournal, UploadKey, UploadTurn } from '../../store/upload-journal.ts';
import type { Exchange } from '../exchange.ts';
import { type RemoteUpload, resumeUpload } from './session.ts';

const noTurn: UploadTurn = { waited: false, [Symbol.asyncDispose]: async () => undefined };

/** The note of a journal on one upload. No method throws for a failure of the journal. */
export class UploadNote {
  readonly #exchange: Exchange;
  readonly #key: UploadKey;
  readonly #journal: UploadJournal;
  #noted: string | undefined;
  /** Whether the journal cannot be used for this upload. */
  #isOff = false;

  constructor(exchange: Exchange, repository: string, { digest, size }: Descriptor, journal: UploadJournal) {
    this.#exchange = exchange;
    this.#key = { place: exchange.base, repository, digest, size };
    this.#journal = journal;
  }

  /**
   * Waits while another process sends the blob. Without a turn, this upload leaves the note alone, since it may name the session
   * of another process.
   */
  async turn({ signal }: SignalOptions = {}): Promise<UploadTurn> {
    const { warn } = this.#exchange;
    const wait = async (): Promise<UploadTurn> =>
      (await this.#journal.turn?.(this.#key, { signal, onWait: warn })) ?? noTurn;
    const turn = await this.#try(wait, signal);
    signal?.throwIfAborted();
    if (turn === undefined) this.#isOff = true;
    return {
      waited: turn?.waited === true,
      [Symbol.asyncDispose]: async () => this.#try(async () => turn?.[Symbol.asyncDispose]()),
    };
  }

  /**
   * Resolves with the noted session at the offset that the registry reports; undefined if there is none with bytes of the
   * blob. Removes a note without use. A registry that cannot be reached leaves the note as it is.
   */
  async session({ signal }: SignalOptions = {}): Promise<RemoteUpload | undefined> {
    const id = await this.#try(() => this.#journal.find(this.#key));
    if (id === undefined) return undefined;
    try {
      const session = await resumeUpload(this.#exchange, this.#key.repository, id, { signal });
      if (session.offset > 0 && session.offset <= this.#key.size) return session;
      await session.cancel({ signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (!isGantryError(error)) throw error;
      if (error instanceof TransportError) return undefined;
    }
    await this.forget();
    return undefined;
  }

  /** Notes the session with its offset, unless the note says so already. */
  async keep({ id }: RemoteUpload): Promise<void> {
    if (id === this.#noted) return;
    this.#noted = id;
    await this.#try(() => this.#journal.note(this.#key, id));
  }

  async forget(): Promise<void> {
    this.#noted = undefined;
    await this.#try(() => this.#journal.forget(this.#key));
  }

  async #try<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    if (this.#isOff) return undefined;
    try {
      return await task();
    } catch (error) {
      if (signal?.aborted) return undefined;
      const reason = error instanceof Error ? error.message : String(error);
      this.#exchange.warn?.(`the journal of uploads failed, so this upload may start again: ${reason}`);
      return undefined;
    }
  }
}
