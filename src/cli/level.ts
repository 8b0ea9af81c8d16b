/** What may follow a chain of commands on a command line. */
export interface Level {
  /** The commands before: empty, `push`, `auth login`. */
  readonly path: string;
  readonly words: readonly Word[];
  readonly options: readonly OptionWord[];
}

export interface Word {
  readonly text: string;
  readonly description: string;
}

export interface OptionWord extends Word {
  /** `--format`, and `-c` where there is one. */
  readonly spellings: readonly string[];
  /** Whether a value follows, and which ones there are if they are few. */
  readonly value: boolean;
  readonly choices: readonly string[];
}
