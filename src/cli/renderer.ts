import type { CopyEvent } from '../copy/events.ts';
import type { MeterReading } from './meter.ts';

export const progressModes = ['tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** A way to show the progress of a copy. */
export interface Renderer {
  /** Milliseconds between two calls of `tick`. */
  readonly interval: number;
  event?(event: CopyEvent): void;
  tick(reading: MeterReading): void;
  /** The last call. `done` is false if the copy failed. */
  end(reading: MeterReading, done: boolean): void;
}
