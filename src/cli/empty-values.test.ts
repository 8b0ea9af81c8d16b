import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { type Command, isGroup } from './command.ts';
import { parseCommandLine } from './program.ts';
import { commands, globalOptionsOf } from './table.ts';

/** Every command with the words that lead to it. */
const every: readonly { readonly words: readonly string[]; readonly command: Command }[] = commands.flatMap(
  (entry) =>
    isGroup(entry)
      ? entry.commands.map((command) => ({ words: [entry.name, command.name], command }))
      : [{ words: [entry.name], command: entry }],
);

function refusal(argv: readonly string[]): string {
  try {
    parseCommandLine(argv);
  } catch (error) {
    assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
    return error.message;
  }
  return assert.fail(`${argv.join(' ')} was accepted`);
}

describe('an empty value of an option', () => {
  for (const { words, command } of every) {
    it(`empty-option: ${words.join(' ')} refuses an empty value of each option, and names the option`, () => {
      const options = [...command.options, ...globalOptionsOf(command)];
      for (const { name, value, choices, repeatable, whole } of options) {
        if (value === undefined || choices !== undefined) continue;
        for (const form of [[`--${name}=`], [`--${name}`, '']]) {
          assert.ok(refusal([...words, ...form]).startsWith(`--${name} has an empty value: give it `), name);
        }
        if (repeatable !== true || whole === true) continue;
        const said = refusal([...words, `--${name}=a,,b`]);
        assert.ok(said.startsWith(`--${name} has an empty part between its commas`), said);
      }
    });
  }
});
