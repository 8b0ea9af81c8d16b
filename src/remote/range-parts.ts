import type { SignalOptions } from '../store/contract.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { Download, type DownloadSource } from './download.ts';

const mebibyte = 1024 * 1024;
/** Bytes of a part: two round trips of 50 ms at 20 MB/s. Parts are small, because each waits in memory for its turn. */
export const partSize: number = 2 * mebibyte;
/** Milliseconds between two looks at the parts under way. */
const lookEvery = 25;
/** Parts to measure before any part counts as slow, and the most parts that the measure takes into account. */
const leastMeasured = 3;
const mostMeasured = 16;
/** The times that a usual part takes after which a part that needs as long again is overtaken. */
const slowTimes = 2;
/** Milliseconds before a part counts as slow. A busy machine alone pauses for less. */
const leastWait = 100;
/** The part of a blob's bytes that may arrive twice because slow parts were overtaken. */
const repeatedShare = 1 / 50;

export interface RangeParts {
  /** Resolves with whether the registry sends the first of the parts. */
  isComing(): Promise<boolean>;
  /** Yields the parts in order. Ends early if the registry does not send a part. */
  bytes(): AsyncIterable<Uint8Array>;
  end(): void;
}

interface Rest extends SignalOptions {
  /** The download of the bytes before `from`, which may still be under way. */
  readonly first: Download;
  readonly from: number;
  readonly size: number;
}

/** A part under way. The measure begins anew when a second request is sent for the part. */
interface Run {
  readonly download: Download;
  readonly to: number;
  readonly began: number;
  since: number;
  from: number;
  isDone: boolean;
  /** Returns the places of the part among those of the process. */
  readonly leave: (() => void)[];
}

interface Part extends Run {
  readonly bytes: Promise<Uint8Array>;
}

/** Begins to request the parts after the first one. */
export function createRangeParts(source: DownloadSource, rest: Rest): RangeParts {
  return new Parts(source, rest);
}

/**
 * The parts of a blob that are under way or wait for their turn. Connections whose parts have arrived are idle until the reader
 * has taken the oldest part. So one of them takes over the rest of a part that is much slower than usual, also at the end of the
 * blob. The slow connection closes when it is overtaken, and the next request opens a new one.
 */
class Parts implements RangeParts {
  readonly #source: DownloadSource;
  readonly #rest: Rest;
  readonly #clock: Clock;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #parts: Part[] = [];
  readonly #spare: Uint8Array[] = [];
  readonly #first: Run;
  /** Milliseconds that the last whole parts took. */
  readonly #times: number[] = [];
  #asked: number;
  /** Whether the one place of this blob is taken. The first part has it at the beginning. */
  #isOwnTaken = false;
  /** Bytes of finished parts that have arrived twice. */
  #repeated = 0;
  #cancel: () => void = () => undefined;

  constructor(source: DownloadSource, rest: Rest) {
    const { first, from, signal } = rest;
    this.#source = source;
    this.#rest = rest;
    this.#clock = source.exchange.clock ?? systemClock;
    this.#signal = signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal]);
    this.#asked = from;
    this.#first = this.#runOf(first, first.at, from);
    this.#first.leave.push(this.#takePlace() ?? (() => undefined));
    this.#askMore();
    this.#look();
  }

  async isComing(): Promise<boolean> {
    this.#settle(this.#first);
    // If all places are taken, the first of the parts takes that of the bytes before it.
    if (this.#parts.length === 0) release(this.#first);
    this.#askMore();
    const first = await this.#parts[0]?.bytes.catch(() => undefined);
    this.#rest.signal?.throwIfAborted();
    return first !== undefined;
  }

  async *bytes(): AsyncIterable<Uint8Array> {
    this.#settle(this.#first);
    release(this.#first);
    try {
      for (this.#askMore(); this.#parts[0] !== undefined; this.#askMore()) {
        const bytes = await this.#parts[0].bytes.catch(() => undefined);
        this.#rest.signal?.throwIfAborted();
        if (bytes === undefined) return;
        yield bytes;
        this.#spare.push(new Uint8Array(bytes.buffer));
        const taken = this.#parts.shift();
        if (taken !== undefined) release(taken);
      }
    } finally {
      this.end();
    }
  }

  end(): void {
    this.#cancel();
    this.#end.abort();
    for (const run of [this.#first, ...this.#parts]) release(run);
  }

  /** Requests more parts, as far as there are places. */
  #askMore(): void {
    const { size, first } = this.#rest;
    while (this.#asked < size && !this.#end.signal.aborted) {
      const leave = this.#takePlace();
      if (leave === undefined) return;
      const to = Math.min(this.#asked + partSize, size);
      const options = { from: this.#asked, to, entityTag: first.entityTag, signal: this.#signal };
      const run = this.#runOf(new Download(this.#source, { ...options, ranges: 'strict' }), this.#asked, to);
      run.leave.push(leave);
      const bytes = this.#read(run, this.#spare.pop() ?? new Uint8Array(partSize));
      // The reader sees the failure when it waits for this part.
      bytes.catch(() => undefined);
      this.#parts.push(Object.assign(run, { bytes }));
      this.#asked = to;
    }
  }

  /** Takes the place of this blob, or one of those that all blobs share. Returns the way to give it back. */
  #takePlace(): (() => void) | undefined {
    const { parts: places } = this.#source.exchange.resources;
    if (!this.#isOwnTaken) {
      this.#isOwnTaken = true;
      return () => {
        this.#isOwnTaken = false;
      };
    }
    return places.take() ? () => places.leave() : undefined;
  }

  #runOf(download: Download, from: number, to: number): Run {
    const since = this.#clock.now();
    return { download, from, to, began: since, since, isDone: false, leave: [] };
  }

  async #read(run: Run, buffer: Uint8Array): Promise<Uint8Array> {
    const bytes = buffer.subarray(0, run.to - run.from);
    let filled = 0;
    for await (const chunk of run.download.bytes()) {
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
    }
    if (filled === partSize) this.#times.push(this.#clock.now() - run.began);
    if (this.#times.length > mostMeasured) this.#times.shift();
    this.#settle(run);
    return bytes;
  }

  #settle(run: Run): void {
    if (run.isDone) return;
    run.isDone = true;
    this.#repeated += run.download.repeated;
  }

  /** Looks at all parts under way, now and then. */
  #look(): void {
    this.#overtakeSlow();
    if (!this.#end.signal.aborted) this.#cancel = this.#clock.after(lookEvery, () => this.#look());
  }

  #overtakeSlow(): void {
    const usual = this.#usualTime();
    if (usual === undefined) return;
    const running = [this.#first, ...this.#parts].filter(({ isDone }) => !isDone);
    let idle = this.#parts.filter(({ isDone }) => isDone).length;
    let repeated = this.#repeated;
    for (const { download, since, began } of running) {
      repeated += download.repeated;
      if (since > began) idle--;
    }
    if (repeated > this.#rest.size * repeatedShare) return;
    for (const run of running) {
      if (!this.#isSlow(run, usual)) continue;
      const leave = idle > 0 ? () => undefined : this.#takePlace();
      if (leave === undefined) return;
      run.leave.push(leave);
      // A reader that is slower than the connection asks for no bytes.
      if (!run.download.overtake()) continue;
      run.since = this.#clock.now();
      run.from = run.download.at;
      idle--;
    }
  }

  /** Returns whether a part has taken much longer than usual, and its rest will, too. */
  #isSlow({ download, from, to, since }: Run, usual: number): boolean {
    const took = this.#clock.now() - since;
    if (took < Math.max(leastWait, slowTimes * usual)) return false;
    return (to - download.at) * took > slowTimes * usual * (download.at - from);
  }

  /** Returns the median of the milliseconds that whole parts took. */
  #usualTime(): number | undefined {
    if (this.#times.length < leastMeasured) return undefined;
    return this.#times.toSorted((a, b) => a - b)[this.#times.length >> 1];
  }
}

function release({ leave }: Run): void {
  for (const act of leave.splice(0)) act();
}
