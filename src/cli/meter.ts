import type { CopyEvent, CopyProgress } from '../copy/events.ts';
import type { Work, WorkProgress } from '../flow/work.ts';

/** The figures of a running copy, for display. */
export interface MeterReading {
  /** Bytes, as in the progress events of a copy. */
  readonly moved: number;
  readonly complete: number;
  readonly sent: number;
  readonly total: number;
  /** True if nothing moves because the destination is still storing the bytes that it received. */
  readonly storing: boolean;
  /** The running work beside the transfer of blobs. */
  readonly work?: Pick<WorkProgress, 'work' | 'done' | 'total'>;
  /** Bytes per second over the last seconds. */
  readonly rate: number;
  /** Seconds left at that rate; undefined while nothing moves. */
  readonly left: number | undefined;
  /** Seconds since the start. */
  readonly elapsed: number;
  /** The number of blobs and of manifests per outcome. */
  readonly blobs: Readonly<Record<string, number>>;
  readonly manifests: Readonly<Record<string, number>>;
}

export interface Meter {
  note(event: CopyEvent): void;
  read(): MeterReading;
}

/** The rate covers the last ten seconds: long enough to be steady, short enough to follow a changing network. */
const windowMilliseconds = 10_000;

/** After this time without movement the display says that it waits for the destination. */
const quietMilliseconds = 2000;

/** Sums up the events of a verb. `now` returns milliseconds. Each reading takes a sample for the rate. */
export function createMeter(now: () => number): Meter {
  const start = now();
  const blobs: Record<string, number> = {};
  const manifests: Record<string, number> = {};
  const works = new Map<Work, number>();
  const rates = createRateWindow(start);
  let latest = { moved: 0, complete: 0, sent: 0, total: 0 };
  let work: WorkProgress | undefined;
  let movedLast = start;

  const turnTo = (next: WorkProgress | undefined): void => {
    if (next?.work !== work?.work) rates.restart(now());
    work = next;
  };
  const noteWork = (event: WorkProgress): void => {
    const before = works.get(event.work) ?? 0;
    works.set(event.work, event.done);
    turnTo(event);
    rates.add(event.done - before);
  };
  const noteMoved = (event: CopyProgress): void => {
    const sent = event.sent - latest.sent;
    // Bytes in an intermediate cache: neither sent nor found at the destination.
    const kept = event.moved - latest.moved - Math.max(0, event.complete - latest.complete);
    const more = sent > 0 ? sent : Math.max(0, kept);
    latest = event;
    if (more === 0) return;
    // The moving copy is shown, even if work beside it stands still.
    turnTo(undefined);
    rates.add(more);
    movedLast = now();
  };

  return {
    note(event) {
      if (event.kind === 'work') noteWork(event);
      else if (event.kind === 'progress') noteMoved(event);
      else if (event.kind === 'blob') blobs[event.outcome] = (blobs[event.outcome] ?? 0) + 1;
      else if (event.kind === 'manifest') manifests[event.outcome] = (manifests[event.outcome] ?? 0) + 1;
    },
    read() {
      const time = now();
      const rate = rates.at(time);
      const { moved, complete, sent, total } = latest;
      const storing = complete < moved && (moved === total || time - movedLast >= quietMilliseconds);
      const working = work !== undefined && (work.done < work.total || total === 0) ? work : undefined;
      const rest = working === undefined ? total - moved : working.total - working.done;
      const left = rate > 0 && (working !== undefined || !storing) ? rest / rate : undefined;
      const elapsed = (time - start) / 1000;
      const figures = { moved, complete, sent, total, rate, left, elapsed, blobs, manifests };
      return working === undefined ? { ...figures, storing } : { ...figures, work: working, storing: false };
    },
  };
}

/** The bytes per second over the last seconds: those of the running work, or of the copy. */
interface RateWindow {
  add(bytes: number): void;
  /** Forgets the bytes before `time`, which belong to other work. */
  restart(time: number): void;
  /** Takes a sample. */
  at(time: number): number;
}

function createRateWindow(start: number): RateWindow {
  let gone = 0;
  let samples: readonly { readonly time: number; readonly gone: number }[] = [{ time: start, gone }];
  return {
    add(bytes) {
      gone += bytes;
    },
    restart(time) {
      samples = [{ time, gone }];
    },
    at(time) {
      const from = samples.findLastIndex((sample) => time - sample.time >= windowMilliseconds);
      samples = [...samples.slice(Math.max(0, from)), { time, gone }];
      const first = samples[0];
      if (first === undefined || first.time === time) return 0;
      return ((gone - first.gone) * 1000) / (time - first.time);
    },
  };
}
