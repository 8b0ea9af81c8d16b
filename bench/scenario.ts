import type { ImageShape } from './images.ts';
import type { Shape } from './network.ts';
import type { RegistryKind } from './registries.ts';
import type { Verb } from './tools.ts';

/** The content of the destination before a push or a copy. */
export type Held = 'nothing' | 'the image' | 'its content under another tag' | 'all but one layer';

/** One comparison as data. The runner knows how to run it, the table how to show it. */
export interface Scenario {
  /** The name on the command line. */
  readonly name: string;
  /** The task, in one line. */
  readonly title: string;
  /** The goal for gantry. */
  readonly wanted: string;
  readonly verb: Verb;
  readonly image: ImageShape;
  /** Default: nothing. */
  readonly holds?: Held;
  /** The number of tags of the source's repository, each of an image of its own. Default 1. */
  readonly tags?: number;
  /**
   * The tools: gantry beside the peers, on each runtime beside an empty program, with its bytecode beside itself without
   * it, or as an executable file beside crane. Default: the peers.
   */
  readonly tools?: 'peers' | 'runtimes' | 'precompiled' | 'executable';
  /** Also counts with a client that has pushed to the repository before. */
  readonly warm?: boolean;
  /** Every registry of the scenario requires tokens. */
  readonly login?: boolean;
  /** Every registry of the scenario speaks TLS, so its requests are not counted. */
  readonly tls?: boolean;
  /** Default: plain loopback without a proxy. */
  readonly network?: Shape;
  /** The timed runs of each tool, as long as it has time left. Default 5. */
  readonly runs?: number;
  /** Counts rounds. Set it to false for a flow with many rounds. Default true. */
  readonly countDepth?: boolean;
  /**
   * The kinds of registries. Default: both, or docker-registry alone if the scenario needs a login, which only that one
   * requires here.
   */
  readonly registries?: readonly RegistryKind[];
  /** Also shows the time without the start of the tool's runtime. */
  readonly lessStart?: boolean;
}
