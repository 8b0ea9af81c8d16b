import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import { type Command, isGroup, type Option } from '../../src/cli/command.ts';
import { globalOptions } from '../../src/cli/shared-options.ts';
import { commands } from '../../src/cli/table.ts';

/** A command line and its options stand this near to each other, in lines. */
const near = 24;

/** Tests of the parser name options and run no command. */
const parses = ['hostile-words', 'options-used'];

/** The words in quotes of each line of each test file. */
const sources: readonly (readonly (readonly string[])[])[] = ['src', 'test']
  .flatMap((folder) =>
    readdirSync(join(projectRoot(), folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  .filter((path) => path.endsWith('.test.ts') || path.startsWith(join(projectRoot(), 'test')))
  .filter((path) => !parses.some((name) => path.includes(name)))
  .map((path) => readFileSync(path, 'utf8').split('\n').map(wordsOf));

function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'[^']*'|`[^`]*`/g)].flatMap(([literal]) => literal.slice(1, -1).split(/\s+/));
}

function isGiven(word: string, { name, short }: Option): boolean {
  return (
    word === `--${name}` || word.startsWith(`--${name}=`) || (short !== undefined && word === `-${short}`)
  );
}

/** True if a test names the option near the command, as in one command line. */
function hasTest({ name, aliases = [] }: Pick<Command, 'name' | 'aliases'>, option: Option): boolean {
  const names = new Set([name, ...aliases]);
  return sources.some((lines) =>
    lines.some(
      (words, at) =>
        words.some((word) => isGiven(word, option)) &&
        lines
          .slice(Math.max(0, at - near), at + near + 1)
          .some((others) => others.some((one) => names.has(one))),
    ),
  );
}

const all: readonly Command[] = commands.flatMap((entry) => (isGroup(entry) ? entry.commands : [entry]));

describe('the options of the command line', () => {
  for (const command of new Map(all.map((one) => [one.name, one])).values()) {
    it(`each option of ${command.name} has a test that runs the command with it`, () => {
      const without = command.options.filter((option) => !hasTest(command, option));
      assert.deepEqual(
        without.map(({ name }) => `--${name}`),
        [],
      );
    });
  }

  it('each option of every command has a test that gives it', () => {
    const without = globalOptions.filter(
      (option) =>
        !sources.some((lines) => lines.some((words) => words.some((word) => isGiven(word, option)))),
    );
    assert.deepEqual(
      without.map(({ name }) => `--${name}`),
      [],
    );
  });

  it('an option without a test is found', () => {
    const option = { name: ['not', 'there'].join('-'), summary: '' };
    assert.equal(hasTest({ name: 'copy' }, option), false);
    assert.equal(hasTest({ name: option.name }, { name: 'referrers', summary: '' }), false);
    assert.equal(hasTest({ name: 'copy' }, { name: 'referrers', summary: '' }), true);
  });
});
