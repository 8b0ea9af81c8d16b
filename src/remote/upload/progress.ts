import { type Content, mapContent } from '../../flow/content.ts';
import type { ProgressObserver } from '../../store/blob-progress.ts';

/** The progress of one blob's upload, over all of its attempts and sessions. */
export class UploadProgress {
  readonly #observe: ProgressObserver | undefined;
  #sent = 0;
  #acknowledged = 0;
  #moved = 0;

  constructor(observe: ProgressObserver | undefined) {
    this.#observe = observe;
  }

  /** Returns the same content, and counts each byte that the transport takes. `start` is its position in the blob. */
  metered(content: Content, start: () => number = () => 0): Content {
    return mapContent(content, (source, { from = 0 }) => this.#counted(source, start() + from));
  }

  /**
   * Notes that the registry has the blob up to `offset`. Returns whether that is further than in any session before. A new
   * session has less, which does not lower the progress.
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
