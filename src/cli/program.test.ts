import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { isGroup } from './command.ts';
import { parseCommandLine } from './program.ts';
import { commands } from './table.ts';

interface Meant {
  readonly command: string;
  readonly arguments?: readonly string[];
  readonly flags?: readonly string[];
  readonly texts?: Readonly<Record<string, string>>;
  readonly globals?: Readonly<Record<string, readonly string[]>>;
}

const meant: readonly (readonly [string, string, Meant])[] = [
  ['arguments come in order', 'push a b', { command: 'push', arguments: ['a', 'b'] }],
  [
    'options stand anywhere',
    'push a --index b',
    { command: 'push', arguments: ['a', 'b'], flags: ['index'] },
  ],
  ['short flags can be joined', 'cp -an a b', { command: 'copy', flags: ['all-tags', 'no-clobber'] }],
  ['a value can be joined to its option', 'cp -j4 a b', { command: 'copy', texts: { jobs: '4' } }],
  ['a value can follow an equals sign', 'cp -j=4 a b', { command: 'copy', texts: { jobs: '4' } }],
  ['the last value counts', 'cp -j 4 --jobs 5 a b', { command: 'copy', texts: { jobs: '5' } }],
  ['an option that begins with no is no negation', 'cp a b', { command: 'copy', flags: [] }],
  [
    'global options stand before the command',
    '--platform linux/arm64 digest a',
    { command: 'digest', globals: { platform: ['linux/arm64'] } },
  ],
  [
    'global options stand after the command',
    'digest a --platform linux/arm64',
    { command: 'digest', globals: { platform: ['linux/arm64'] } },
  ],
  [
    'global options stand on both sides, with several values',
    '--platform a/b cp --platform c/d,e/f a b',
    { command: 'copy', globals: { platform: ['a/b', 'c/d', 'e/f'] } },
  ],
  [
    'global options stand between the words of a command',
    'auth --json get a',
    { command: 'get', globals: { json: [''] } },
  ],
  [
    "a value that looks like a global option is the command's own",
    'auth login r -u me -p -v',
    { command: 'login', texts: { password: '-v' }, globals: { verbose: [] } },
  ],
  ['serve has a second name', 'registry serve --disk d', { command: 'serve', texts: { disk: 'd' } }],
  ['pull takes any number of images', 'pull a b c d', { command: 'pull', arguments: ['a', 'b', 'c', 'd'] }],
  ['an argument can be left out', 'digest --tarball t', { command: 'digest', arguments: [] }],
  ['a word after two dashes is an argument', 'ls -- -x', { command: 'ls', arguments: ['-x'] }],
];

describe('a command line', () => {
  for (const [name, line, expected] of meant) {
    it(`${name}: gantry ${line}`, () => {
      const invocation = parseCommandLine(line.split(' '));
      assert.ok(invocation.kind === 'run');
      const { command, given, globals } = invocation;
      assert.equal(command.name, expected.command);
      if (expected.arguments) assert.deepEqual(given.arguments, expected.arguments);
      if (expected.flags) {
        const flags = command.options.map((option) => option.name).filter((option) => given.flag(option));
        assert.deepEqual(flags, expected.flags);
      }
      for (const [option, text] of Object.entries(expected.texts ?? {}))
        assert.equal(given.text(option), text);
      for (const [option, list] of Object.entries(expected.globals ?? {})) {
        assert.deepEqual(globals.list(option), list);
      }
    });
  }

  for (const line of [
    'psh a b',
    'push',
    'push a',
    'push a b c',
    'pull a',
    'version x',
    'digest a b',
    'auth what',
    'push --indx a b',
    'push --index=maybe a b',
    'pull --format zip a b',
    'ls --progress=fancy a',
    'cp a b --jobs',
    '--no-such ls a',
  ]) {
    it(`the command line is refused: gantry ${line}`, () => {
      assert.throws(
        () => parseCommandLine(line.split(' ')),
        (error) => isGantryError(error, 'INVALID_OPTION') && !error.message.includes('\n'),
      );
    });
  }

  for (const [line, word] of [
    ['psh a b', 'push'],
    ['pulll a', 'pull'],
    ['push --indx a b', '--index'],
    ['pull --fromat=oci a b', '--format'],
    ['push --jsn a b', '--json'],
    ['--verbos ls a', '--verbose'],
    ['ls --hlp', '--help'],
    ['auth logn x', 'login'],
    ['auth --jsno get x', '--json'],
  ] as const) {
    it(`far-guesses: the error proposes a near word: gantry ${line}`, () => {
      assert.throws(
        () => parseCommandLine(line.split(' ')),
        (error) => isGantryError(error) && error.message.endsWith(`; did you mean "${word}"?`),
      );
    });
  }

  for (const line of [
    'vrsn',
    'tgz a',
    'auth out',
    'ls --xsom a',
    '--full ls a',
    'push --mindx a b',
    'copyall a b',
  ]) {
    it(`far-guesses: the error proposes no distant word: gantry ${line}`, () => {
      assert.throws(
        () => parseCommandLine(line.split(' ')),
        (error) =>
          isGantryError(error) && error.message.startsWith('unknown') && !/did you mean/i.test(error.message),
      );
    });
  }

  it('far-guesses: the error does not repeat the value of an unknown option', () => {
    const value = secret('of an option');
    assert.throws(
      () => parseCommandLine(['ls', `--pasword-of=${value}`, 'a']),
      (error) => isGantryError(error) && !error.message.includes(value),
    );
  });

  it('the command line accepts only whole numbers for a number', () => {
    const invocation = parseCommandLine(['cp', '-j', 'many', 'a', 'b']);
    assert.ok(invocation.kind === 'run');
    assert.throws(
      () => invocation.given.count('jobs'),
      (error) => isGantryError(error, 'INVALID_OPTION'),
    );
  });
});

describe('the help', () => {
  const paths = commands.flatMap((entry) =>
    isGroup(entry)
      ? [entry.name, ...entry.commands.map(({ name }) => `${entry.name} ${name}`)]
      : [entry.name],
  );

  it('help-order: the help lists the commands before the global options', () => {
    for (const line of [[], ['--help'], ['help'], ['auth'], ['registry', '--help']]) {
      const invocation = parseCommandLine(line);
      assert.ok(invocation.kind === 'help');
      const headings = [...invocation.text.matchAll(/^(\w.*):$/gm)].map(([, heading]) => heading);
      assert.deepEqual(headings, ['Commands', 'Global options'], line.join(' '));
      assert.match(
        invocation.text,
        /^Usage: gantry .*\n\n\w.*\n\nCommands:\n(?: .*\n)+\nGlobal options:\n(?: .*\n)+$/,
      );
    }
  });

  it('the help lists every command', () => {
    const invocation = parseCommandLine([]);
    assert.ok(invocation.kind === 'help');
    for (const entry of commands) assert.match(invocation.text, new RegExp(`^  ${entry.name}\\b`, 'm'));
  });

  for (const path of paths) {
    it(`the help of ${path} names its arguments, in lines that fit a terminal`, () => {
      for (const line of [`${path} --help`, `help ${path}`]) {
        if (line === `help ${path}` && path.includes(' ')) continue;
        const invocation = parseCommandLine(line.split(' '));
        assert.ok(invocation.kind === 'help');
        assert.ok(invocation.text.includes(`gantry ${path}`));
        const [beforeExamples = ''] = invocation.text.split('\nExamples:');
        assert.ok(beforeExamples.split('\n').every(({ length }) => length <= 80));
        const headings = [...invocation.text.matchAll(/^(\w.*):$/gm)].map(([, heading = '']) => heading);
        const inOrder = ['Commands', 'Options', 'Global options', 'Examples'];
        assert.deepEqual(
          headings,
          inOrder.filter((heading) => headings.includes(heading)),
        );
      }
    });
  }
});
