import type { Argument, ArgumentKind } from './arguments.ts';
import type { Context } from './context.ts';
import type { ParsedArgs } from './parsed-args.ts';

/**
 * A command as data, from which help, completion and the argument parser are made. `load` imports the implementation,
 * so that only the requested command is loaded.
 */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Further paragraphs of the help. */
  readonly details?: string;
  /** The arguments in order. */
  readonly arguments: readonly Argument[];
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  /** The values of the first argument, for completion and error messages. */
  readonly choices?: readonly string[];
  readonly load: () => Promise<Run>;
}

/** Commands under a common word, such as `auth login`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly Command[];
}

export interface Option {
  /** Without dashes, such as `full-ref`. */
  readonly name: string;
  readonly short?: string;
  readonly summary: string;
  /** The name of the value in the help. An option without it is a flag. */
  readonly value?: string;
  /** The meaning of the value. Default: any text. */
  readonly valueKind?: ArgumentKind;
  readonly choices?: readonly string[];
  /** True if the option may be given several times. */
  readonly repeatable?: boolean;
  /** True if a comma does not separate values of a repeatable option, or the command itself separates them. */
  readonly whole?: boolean;
}

export type Run = (context: Context, given: ParsedArgs) => Promise<void>;

export function isGroup(entry: Command | CommandGroup): entry is CommandGroup {
  return 'commands' in entry;
}
