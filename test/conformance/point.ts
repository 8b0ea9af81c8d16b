import type { Stage } from './stage.ts';

/** One demand of the conformance suite. */
export interface Point {
  /** The endpoint's id in the specification. */
  readonly end: string;
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}
