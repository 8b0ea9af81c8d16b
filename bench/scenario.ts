import type { ImageShape } from './images.ts';
import type { Shape } from './network.ts';
import type { RegistryKind } from './registries.ts';
import type { Verb } from './tools.ts';

/** What the destination has when a push or a copy begins. */
export type Held = 'nothing' | 'the image' | 'its content under another tag' | 'all but one layer';

/** One comparison, as data: the runner knows how it is made, the table how it is shown. */
export interface Scenario {
  /** What it is called on the command line. */
  readonly name: string;
  /** What is done, in one line. */
  readonly title: string;
  /** What gantry is to reach. */
  readonly wanted: string;
  readonly verb: Verb;
  readonly image: ImageShape;
  /** Default: nothing. */
  readonly holds?: Held;
  /** Tags of the source's repository, each of an image of its own. Default 1. */
  readonly tags?: number;
  /** Who takes part: gantry beside the peers, or on each runtime beside what does nothing. Default: the peers. */
  readonly tools?: 'peers' | 'runtimes';
  /** Whether it is also counted with a client that has pushed to the repository before. */
  readonly warm?: boolean;
  /** With tokens, at every registry that takes part. */
  readonly login?: boolean;
  /** Default: loopback as it is, with no proxy between. */
  readonly network?: Shape;
  /** Timed runs of each tool, as long as it has time left. Default 5. */
  readonly runs?: number;
  /** Rounds are only counted where a flow has few of them. Default true. */
  readonly countDepth?: boolean;
  /** Where it is run. Default: both, unless a login is needed that only docker-registry is given here. */
  readonly registries?: readonly RegistryKind[];
  /** Whether the wall is also shown without what the tool's runtime takes to start. */
  readonly lessStart?: boolean;
}
