import type { Context } from './context.ts';
import type { Given } from './given.ts';

/**
 * One command as data: help, completion and the argument parser are all made from it.
 * `load` brings in the file that does the work, so that only the command that was asked for is loaded.
 */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** More than the summary, where there is more to say. */
  readonly details?: string;
  /** Names of the arguments in order; `X...` is one or more, `[X]` may be left out. */
  readonly arguments: readonly string[];
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  /** Values of the first argument, for completion and for the message about a wrong one. */
  readonly choices?: readonly string[];
  readonly load: () => Promise<Run>;
}

/** Commands under one word: `auth login`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly Command[];
}

export interface Option {
  /** Without dashes: `full-ref`. */
  readonly name: string;
  readonly short?: string;
  readonly summary: string;
  /** What the value is called in the help; without it the option is a flag. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeatable?: boolean;
}

export type Run = (context: Context, given: Given) => Promise<void>;

export function isGroup(entry: Command | CommandGroup): entry is CommandGroup {
  return 'commands' in entry;
}
