import type { CopyEvent } from '../copy/events.ts';
import type { Reading } from './meter.ts';

export const progressModes = ['tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** One way to show how a copy gets on. */
export interface Renderer {
  /** Milliseconds between two calls of `tick`. */
  readonly interval: number;
  event?(event: CopyEvent): void;
  tick(reading: Reading): void;
  /** The last call; `done` is false when the copy failed. */
  end(reading: Reading, done: boolean): void;
}
