/** The words that may follow a chain of commands. */
export interface CompletionLevel {
  /** The commands before: empty, `push`, `auth login`. */
  readonly path: string;
  readonly words: readonly CompletionWord[];
  readonly options: readonly CompletionOption[];
}

export interface CompletionWord {
  readonly text: string;
  readonly description: string;
}

export interface CompletionOption extends CompletionWord {
  /** `--format`, and also `-c` if the option has a short form. */
  readonly spellings: readonly string[];
  /** True if a value follows. `choices` lists the values if they are few. */
  readonly value: boolean;
  readonly choices: readonly string[];
}
