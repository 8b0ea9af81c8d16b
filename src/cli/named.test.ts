import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { isGroup } from './command.ts';
import { namedRegistries } from './named.ts';
import { createParsedArgs } from './parsed-args.ts';
import { commands } from './table.ts';

function registriesOf(
  name: string,
  words: readonly string[],
  options: Readonly<Record<string, readonly string[]>> = {},
): readonly string[] {
  const command = commands
    .flatMap((entry) => (isGroup(entry) ? entry.commands : [entry]))
    .find((entry) => entry.name === name);
  assert.ok(command);
  return namedRegistries(
    command,
    createParsedArgs(words, new Map(Object.entries(options).map(([key, list]) => [key, [...list]]))),
  );
}

describe('the registries that a command line names', () => {
  for (const [title, registries, expected] of [
    ['a path names none', registriesOf('push', ['a.example/x', 'b.example/x']), ['b.example']],
    [
      'each of several images names one, and the path behind them none',
      registriesOf('pull', ['a.example/x', 'b.example/x', 'c.example/x']),
      ['a.example', 'b.example'],
    ],
    [
      'both sides of a copy name one',
      registriesOf('copy', ['a.example/x', 'b.example/y']),
      ['a.example', 'b.example'],
    ],
    ['a place on disk names none', registriesOf('copy', ['oci:dir', 'b.example/y']), ['b.example']],
    ['a registry is one itself', registriesOf('catalog', ['a.example:5000']), ['a.example:5000']],
    ['an argument that is left out names none', registriesOf('digest', []), []],
    ['a tag names none', registriesOf('tag', ['a.example/x', 'b.example/y']), ['a.example']],
    [
      'the value of an option names one',
      registriesOf('validate', [], { remote: ['a.example/x'] }),
      ['a.example'],
    ],
    ['the same registry counts once', registriesOf('copy', ['a.example/x', 'a.example/y']), ['a.example']],
  ] as const) {
    it(title, () => assert.deepEqual(registries, expected));
  }

  it('a malformed name is refused as by the command itself', () => {
    assert.throws(
      () => registriesOf('ls', ['A.example/x y']),
      (error) => isGantryError(error, 'INVALID_REFERENCE'),
    );
  });
});
