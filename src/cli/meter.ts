import type { CopyEvent } from '../copy/events.ts';

/** What a copy has come to, as it is shown. */
export interface Reading {
  /** Bytes, as in a copy's progress events. */
  readonly moved: number;
  readonly complete: number;
  readonly sent: number;
  readonly total: number;
  /** Whether nothing goes out because the destination has yet to store what it was sent. */
  readonly storing: boolean;
  /** Bytes a second over the last while. */
  readonly rate: number;
  /** Seconds left at that rate; undefined while nothing moves. */
  readonly left: number | undefined;
  /** Seconds since the start. */
  readonly elapsed: number;
  /** How many blobs ended how, and how many manifests. */
  readonly blobs: Readonly<Record<string, number>>;
  readonly manifests: Readonly<Record<string, number>>;
}

export interface Meter {
  note(event: CopyEvent): void;
  read(): Reading;
}

/** The rate is that of the last ten seconds: long enough to be steady, short enough to follow a network that changes. */
const windowMilliseconds = 10_000;

/** So long nothing has gone out when the destination is said to be what is waited for. */
const quietMilliseconds = 2000;

/** Adds up the events of a copy. `now` is in milliseconds; reading is what takes a sample for the rate. */
export function createMeter(now: () => number): Meter {
  const start = now();
  const blobs: Record<string, number> = {};
  const manifests: Record<string, number> = {};
  let samples: { readonly time: number; readonly sent: number }[] = [{ time: start, sent: 0 }];
  let latest = { moved: 0, complete: 0, sent: 0, total: 0 };
  let sentLast = start;

  const rateAt = (time: number): number => {
    const from = samples.findLastIndex((sample) => time - sample.time >= windowMilliseconds);
    samples = [...samples.slice(Math.max(0, from)), { time, sent: latest.sent }];
    const first = samples[0];
    return first === undefined || first.time === time
      ? 0
      : ((latest.sent - first.sent) * 1000) / (time - first.time);
  };

  return {
    note(event) {
      if (event.kind === 'progress') {
        if (event.sent !== latest.sent) sentLast = now();
        latest = event;
      } else if (event.kind === 'blob') blobs[event.outcome] = (blobs[event.outcome] ?? 0) + 1;
      else if (event.kind === 'manifest') manifests[event.outcome] = (manifests[event.outcome] ?? 0) + 1;
    },
    read() {
      const time = now();
      const rate = rateAt(time);
      const { moved, complete, sent, total } = latest;
      const storing = complete < moved && (moved === total || time - sentLast >= quietMilliseconds);
      const left = rate > 0 && !storing ? (total - moved) / rate : undefined;
      const elapsed = (time - start) / 1000;
      return { moved, complete, sent, total, storing, rate, left, elapsed, blobs, manifests };
    },
  };
}
