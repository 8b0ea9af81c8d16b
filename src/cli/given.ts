import { InputError } from '../errors.ts';

/** What the user gave to one command. */
export interface Given {
  readonly arguments: readonly string[];
  flag(option: string): boolean;
  /** The last value given. */
  text(option: string): string | undefined;
  /** Every value given, each also split at commas. */
  list(option: string): readonly string[];
  /** A whole number, 0 or more. Throws INVALID_OPTION. */
  count(option: string): number | undefined;
}

/** What was given on a command line; each option has one entry for each time it was given, an empty one for a flag. */
export function createGiven(args: readonly string[], options: ReadonlyMap<string, readonly string[]>): Given {
  const text = (option: string): string | undefined => options.get(option)?.at(-1);
  return {
    arguments: args,
    flag: (option) => options.has(option),
    text,
    list: (option) => (options.get(option) ?? []).flatMap((value) => value.split(',')),
    count(option) {
      const value = text(option);
      if (value === undefined) return undefined;
      if (!/^\d{1,6}$/.test(value)) {
        throw new InputError('INVALID_OPTION', `--${option} takes a number, not "${value}"`);
      }
      return Number(value);
    },
  };
}

/**
 * Checks the arguments against their names (`PATH`, `IMAGE...`, `[IMAGE]`). Throws INVALID_OPTION saying what is
 * missing or too much.
 */
export function checkArguments(command: string, names: readonly string[], args: readonly string[]): void {
  const needed = names.filter((name) => !name.startsWith('['));
  const missing = needed[args.length];
  if (missing !== undefined) {
    const part = args.length === 0 ? '' : `; ${missing} is missing`;
    throw new InputError('INVALID_OPTION', `${command} needs ${needed.join(' ')}${part}`);
  }
  const extra = args[names.length];
  if (extra !== undefined && !names.some((name) => name.endsWith('...'))) {
    const takes = names.length === 0 ? 'no arguments' : `just ${names.join(' ')}`;
    const help = `\`gantry ${command} --help\` has its options`;
    throw new InputError('INVALID_OPTION', `${command} takes ${takes}; "${extra}" is too much: ${help}`);
  }
}
