import type { HeadReading } from './cursor.ts';
import { cutOff, paddingOf, readHead, type TarEntry } from './entry.ts';

/** A reading of the heads of a tar from chunks as they come, without waiting and without the bodies. */
export interface TarScan {
  /** Bytes of the tar so far. Those after its end do not count. */
  readonly offset: number;
  /**
   * Reads the next chunk.
   * @throws the errors of `readTar`
   */
  push(chunk: Uint8Array): void;
  /**
   * Ends the reading.
   * @throws SIZE_INVALID when the tar is cut off
   */
  end(): void;
}

/** Starts the reading of a tar. `what` is its name in errors, and `onEntry` receives each entry. */
export function scanTar(what: string, onEntry: (entry: TarEntry) => void): TarScan {
  return new Scan(what, onEntry);
}

type Reading = HeadReading<TarEntry | undefined>;

const nothing = new Uint8Array(0);

class Scan implements TarScan {
  offset = 0;
  readonly #what: string;
  readonly #onEntry: (entry: TarEntry) => void;
  #reading: Reading | undefined;
  /** The number of bytes that the reading needs next. */
  #wanted = 0;
  /** The first of them, if a chunk ended before the last. */
  #part: Uint8Array = nothing;
  #filled = 0;
  /** Bytes of a body to skip. */
  #left = 0;

  constructor(what: string, onEntry: (entry: TarEntry) => void) {
    this.#what = what;
    this.#onEntry = onEntry;
    this.#start();
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength && this.#reading !== undefined) {
      const there = chunk.byteLength - at;
      const length = Math.min(this.#left > 0 ? this.#left : this.#wanted - this.#filled, there);
      this.offset += length;
      if (this.#left > 0) this.#left -= length;
      else this.#take(chunk.subarray(at, at + length));
      at += length;
    }
  }

  end(): void {
    if (this.#left > 0) throw cutOff(this.#what, this.offset);
    let rest = this.#part.subarray(0, this.#filled);
    while (this.#reading !== undefined) {
      this.#give(rest, this.#reading);
      rest = nothing;
    }
  }

  #start(): void {
    const reading = readHead(this.#what, this.offset + this.#left);
    this.#reading = reading;
    this.#follow(reading.next(), reading);
  }

  /** Collects the bytes that the reading needs, and copies them only if they come in several chunks. */
  #take(bytes: Uint8Array): void {
    if (this.#reading === undefined) return;
    if (bytes.byteLength === this.#wanted) {
      this.#give(bytes, this.#reading);
      return;
    }
    if (this.#filled === 0) this.#part = new Uint8Array(this.#wanted);
    this.#part.set(bytes, this.#filled);
    this.#filled += bytes.byteLength;
    if (this.#filled === this.#wanted) this.#give(this.#part, this.#reading);
  }

  #give(bytes: Uint8Array, reading: Reading): void {
    this.#filled = 0;
    this.#follow(reading.next(bytes), reading);
  }

  #follow(first: ReturnType<Reading['next']>, reading: Reading): void {
    let step = first;
    while (step.done !== true && step.value === 0) step = reading.next(nothing);
    if (step.done !== true) {
      this.#wanted = step.value;
      return;
    }
    const entry = step.value;
    this.#reading = undefined;
    if (entry === undefined) return;
    this.#onEntry(entry);
    this.#left = entry.stored + paddingOf(entry.stored);
    this.#start();
  }
}
