import { InputError } from '../errors.ts';
import type { Option } from './command.ts';

const yes = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);
const no = new Set(['0', 'f', 'F', 'false', 'False', 'FALSE']);

/**
 * Rewrites `--flag=true`, `--flag=false` and `-j=4` into the form that every parser accepts. Go's flag parsers accept
 * them, so scripts for crane contain them.
 */
export function plainFlags(argv: readonly string[], options: readonly Option[]): string[] {
  const end = argv.indexOf('--');
  const rest = end < 0 ? [] : argv.slice(end);
  return [...argv.slice(0, end < 0 ? argv.length : end).flatMap((word) => plainFlag(word, options)), ...rest];
}

function plainFlag(word: string, options: readonly Option[]): string[] {
  const [, dashes, name, value] = /^(--?)([^=-][^=]*)=(.*)$/s.exec(word) ?? [];
  if (dashes === undefined || name === undefined || value === undefined) return [word];
  const meant = options.filter((option) => (dashes === '--' ? option.name : option.short) === name);
  if (meant.length === 0) return [word];
  if (meant.some((option) => option.value !== undefined))
    return dashes === '--' ? [word] : [`-${name}`, value];
  if (yes.has(value)) return [`${dashes}${name}`];
  // A flag that is on by default has a second one that switches it off.
  if (no.has(value)) return options.some((option) => option.name === `no-${name}`) ? [`--no-${name}`] : [];
  throw new InputError(
    'INVALID_OPTION',
    `${dashes}${name} is a flag: it takes true or false, not "${value}"`,
  );
}
