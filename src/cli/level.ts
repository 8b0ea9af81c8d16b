/** The words that may follow a chain of commands. */
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
  /** `--format`, and also `-c` if the option has a short form. */
  readonly spellings: readonly string[];
  /** True if a value follows. `choices` lists the values if they are few. */
  readonly value: boolean;
  readonly choices: readonly string[];
}
