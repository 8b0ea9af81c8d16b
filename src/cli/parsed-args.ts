import { InputError } from '../errors.ts';
import { type Argument, argumentUsage } from './arguments.ts';

/** The parsed arguments and options of one command. */
export interface ParsedArgs {
  readonly arguments: readonly string[];
  flag(option: string): boolean;
  /** The last value of the option. */
  text(option: string): string | undefined;
  /** Every value of the option as it was given. */
  values(option: string): readonly string[];
  /** Every value of the option, each also split at commas. */
  list(option: string): readonly string[];
  /**
   * A whole number from 0.
   * @throws INVALID_OPTION for any other value
   */
  count(option: string): number | undefined;
}

/** Makes the parsed arguments. Each option has one entry per occurrence, and a flag has an empty entry. */
export function createParsedArgs(
  args: readonly string[],
  options: ReadonlyMap<string, readonly string[]>,
): ParsedArgs {
  const text = (option: string): string | undefined => options.get(option)?.at(-1);
  return {
    arguments: args,
    flag: (option) => options.has(option),
    text,
    values: (option) => options.get(option) ?? [],
    list: (option) => (options.get(option) ?? []).flatMap((value) => value.split(',')),
    count(option) {
      const value = text(option);
      if (value === undefined) return undefined;
      if (!/^\d{1,6}$/.test(value)) {
        throw new InputError(
          'INVALID_OPTION',
          `--${option} takes a whole number without a unit, not "${value}"`,
        );
      }
      return Number(value);
    },
  };
}

/**
 * Checks the number of words against the arguments of a command.
 * @throws INVALID_OPTION naming the missing or excess argument
 */
export function checkArity(command: string, taken: readonly Argument[], args: readonly string[]): void {
  const names = taken.map(argumentUsage);
  const needed = taken.filter(({ optional = false }) => !optional).map(argumentUsage);
  const missing = needed[args.length];
  if (missing !== undefined) {
    const part = args.length === 0 ? '' : `; ${missing} is missing`;
    throw new InputError('INVALID_OPTION', `${command} needs ${needed.join(' ')}${part}`);
  }
  const extra = args[names.length];
  if (extra !== undefined && !taken.some(({ many = false }) => many)) {
    const takes = names.length === 0 ? 'no arguments' : `just ${names.join(' ')}`;
    const help = `\`gantry ${command} --help\` has its options`;
    throw new InputError(
      'INVALID_OPTION',
      `${command} takes ${takes}; unexpected argument "${extra}": ${help}`,
    );
  }
}
