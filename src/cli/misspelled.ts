import { InputError } from '../errors.ts';
import { nearest } from '../spec/near.ts';

/** Makes the error for an unknown command or option, with the nearest known name. */
export function misspelled(kind: 'command' | 'option', word: string, known: Iterable<string>): InputError {
  // The value after an equals sign may be a secret.
  const name = kind === 'option' ? word.replace(/=.*$/s, '') : word;
  const near = nearest(name.replace(/^-+/, ''), known);
  const dashes = kind === 'option' ? '--' : '';
  const hint =
    near === undefined ? 'gantry --help lists the commands and options' : `did you mean "${dashes}${near}"?`;
  return new InputError('INVALID_OPTION', `unknown ${kind} "${name.slice(0, 100)}"; ${hint}`);
}
