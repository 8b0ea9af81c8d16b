import type { CopyEvent } from '../copy/events.ts';
import type { Reading } from './meter.ts';

export const progressModes = ['tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** A way to show the progress of a copy. */
export interface Renderer {
  /** Milliseconds between two calls of `tick`. */
  readonly interval: number;
  event?(event: CopyEvent): void;
  tick(reading: Reading): void;
  /** The last call. `done` is false if the copy failed. */
  end(reading: Reading, done: boolean): void;
}
