import { InputError } from '../errors.ts';
import { nearest } from '../spec/near.ts';

/** A word of the command line that is no command or option, among those that may stand in its place. */
export function misspelled(kind: 'command' | 'option', word: string, known: Iterable<string>): InputError {
  // The value behind an equals sign may be a secret.
  const name = kind === 'option' ? word.replace(/=.*$/s, '') : word;
  const near = nearest(name.replace(/^-+/, ''), known);
  const dashes = kind === 'option' ? '--' : '';
  const hint = near === undefined ? 'gantry --help lists what there is' : `did you mean "${dashes}${near}"?`;
  return new InputError('INVALID_OPTION', `unknown ${kind} "${name.slice(0, 100)}"; ${hint}`);
}
