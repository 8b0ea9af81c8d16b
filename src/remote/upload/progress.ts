import { type Content, mapContent } from '../../flow/content.ts';
import type { ProgressObserver } from '../../store/blob-progress.ts';

/** What one blob's upload tells of itself, over all of its attempts and sessions. */
export class UploadProgress {
  readonly #observe: ProgressObserver | undefined;
  #sent = 0;
  #acknowledged = 0;
  #moved = 0;

  constructor(observe: ProgressObserver | undefined) {
    this.#observe = observe;
  }

  /** The same content, each byte counted when the transport has taken it. `start`: where its first byte stands in the blob. */
  metered(content: Content, start: () => number = () => 0): Content {
    return mapContent(content, (source, { from = 0 }) => this.#counted(source, start() + from));
  }

  /**
   * The registry has the blob up to `offset`. Answers whether it has come further than in any session before: one that was
   * begun anew has less, and takes nothing back.
   */
  acknowledge(offset: number): boolean {
    const advanced = offset > this.#acknowledged;
    this.#acknowledged = Math.max(this.#acknowledged, offset);
    this.#moved = Math.max(this.#moved, offset);
    this.#tell();
    return advanced;
  }

  async *#counted(source: AsyncIterable<Uint8Array>, start: number): AsyncIterable<Uint8Array> {
    let at = start;
    for await (const chunk of source) {
      yield chunk;
      at += chunk.byteLength;
      this.#sent += chunk.byteLength;
      this.#moved = Math.max(this.#moved, at);
      this.#tell();
    }
  }

  #tell(): void {
    this.#observe?.({ sent: this.#sent, acknowledged: this.#acknowledged, moved: this.#moved });
  }
}
