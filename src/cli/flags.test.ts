import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { plainFlags } from './flags.ts';

const options = [
  { name: 'full-ref', summary: '' },
  { name: 'all-tags', short: 'a', summary: '' },
  { name: 'jobs', short: 'j', value: 'N', summary: '' },
];

describe('plainFlags', () => {
  for (const [name, given, expected] of [
    ['a plain flag stays', ['--full-ref'], ['--full-ref']],
    ['a flag with true is the flag', ['--full-ref=true', 'x'], ['--full-ref', 'x']],
    ['a flag with false is nothing', ['--full-ref=F', 'x'], ['x']],
    ['a short flag with true is the flag', ['-a=1'], ['-a']],
    ['a short option loses its equals sign', ['-j=4'], ['-j', '4']],
    ['a long option with a value stays', ['--jobs=4'], ['--jobs=4']],
    ['an unknown flag stays and is refused later', ['--what=true'], ['--what=true']],
    ['an argument with an equals sign stays', ['a=true'], ['a=true']],
    ['arguments after two dashes stay', ['--', '--full-ref=true'], ['--', '--full-ref=true']],
  ] as const) {
    it(name, () => assert.deepEqual(plainFlags(given, options), expected));
  }

  it('plainFlags refuses a flag with another value', () => {
    assert.throws(
      () => plainFlags(['--full-ref=maybe'], options),
      (error) => isGantryError(error, 'INVALID_OPTION'),
    );
  });
});
