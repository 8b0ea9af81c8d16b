import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isGroup } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/table.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';

async function script(shell: string, ...options: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await gantry(['completion', shell, ...options]);
  assert.equal(code, 0, stderr);
  return stdout;
}

function missing(shell: string): string | false {
  const there = spawnSync(shell, ['-c', 'exit 0'], { stdio: 'ignore' }).error === undefined;
  return there ? false : `${shell} is not in PATH`;
}

/** Returns the words that bash offers after these words. The last one is incomplete. */
async function offered(words: readonly string[]): Promise<readonly string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-s'], {
    input: `${await script('bash')}
COMP_WORDS=(${quoted}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _gantry
printf '%s\\n' "\${COMPREPLY[@]}"`,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', { skip: missing('bash') }, () => {
  for (const [name, words, expected] of [
    ['a command', ['gantry', 'pu'], ['push', 'pull']],
    ['an alias', ['gantry', 'cp'], ['cp']],
    ['a word of a group', ['gantry', 'auth', 'log'], ['login', 'logout']],
    [
      'an option of a command',
      ['gantry', 'push', '--i'],
      ['--index', '--image-refs', '--insecure', '--insecure-registry'],
    ],
    ['an option of a grouped command', ['gantry', 'auth', 'token', '--pu'], ['--push']],
    ['the values of an option', ['gantry', 'pull', '--format', ''], ['tarball', 'legacy', 'oci']],
    ['a global option before the command', ['gantry', '--prog'], ['--progress']],
    ['the values of a global option', ['gantry', '--progress', 'p'], ['plain']],
    ['a command behind a global option', ['gantry', '--progress', 'plain', 'dig'], ['digest']],
    ['the name of a shell', ['gantry', 'completion', ''], ['bash', 'zsh', 'fish', 'powershell']],
    ['nothing for an argument', ['gantry', 'push', ''], []],
  ] as const) {
    it(`the completion offers ${name}: ${words.join(' ')}`, async () =>
      assert.deepEqual(await offered(words), expected));
  }
});

/** `--flag=VALUE` as the shells pass it, with the offered values. */
const joined = [
  ['pull --format=', ['tarball', 'legacy', 'oci']],
  ['pull --format=o', ['oci']],
  ['--progress=p', ['plain']],
  ['copy --json --progress=', ['tty', 'plain', 'json', 'none']],
  ['--progress=plain pull --format=l', ['legacy']],
  ['pull --json=', []],
  ['pull --nothing=', []],
] as const;

describe('completion of --flag=VALUE', () => {
  for (const [line, expected] of joined) {
    it(`joined-values: bash completes gantry ${line}, with and without the equals sign among its word breaks`, {
      skip: missing('bash'),
    }, async () => {
      const words = ['gantry', ...line.split(' ')];
      // bash leaves out an empty word after the sign, so the sign itself is the last word.
      const broken = words.flatMap((word) => word.split(/(=)/)).filter((word) => word !== '');
      assert.deepEqual(await offered(broken), expected);
      const whole = await offered(words);
      const before = `${words.at(-1)?.replace(/=.*$/, '')}=`;
      if (expected.length > 0)
        assert.deepEqual(
          whole,
          expected.map((value) => `${before}${value}`),
        );
      else assert.ok(whole.every((word) => word.startsWith(before)));
    });

    it(`joined-values: zsh completes gantry ${line}`, { skip: missing('zsh') }, async () => {
      const quoted = ['gantry', ...line.split(' ')].map((word) => `'${word}'`).join(' ');
      const { stdout, stderr, status } = spawnSync('zsh', ['-f', '-s'], {
        input: `compdef() { }
_files() { }
compset() { print -r -- "compset $*" }
_describe() { print -rl -- "$1" \${candidates} }
${await script('zsh')}
words=(${quoted}); CURRENT=\${#words}; _gantry`,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      const [split, ...lines] = stdout.trimEnd().split('\n');
      assert.equal(split, 'compset -P 1 *=');
      // zsh itself leaves out values that do not fit the letters after the sign.
      for (const value of expected) assert.ok(lines.includes(value));
      if (expected.length === 0) assert.deepEqual(lines, []);
    });

    it(`joined-values: fish completes gantry ${line}`, { skip: missing('fish') }, async (test) => {
      // fish reads no program from a socket, and Node's pipes are sockets.
      const program = join(await folder(test), 'script');
      await writeFile(program, `${await script('fish')}\ncomplete -C 'gantry ${line}'\n`);
      // An empty folder: after a flag that takes no value, fish offers the files of the current one.
      const { stdout, stderr, status } = spawnSync('fish', ['--no-config', program], {
        encoding: 'utf8',
        cwd: await folder(test),
      });
      assert.equal(status, 0, stderr);
      const found = stdout.split('\n').flatMap((one) => one.replace(/^.*=|\t.*$/g, '').trim() || []);
      assert.deepEqual(found.sort(), [...expected].sort());
    });

    it(`joined-values: PowerShell completes gantry ${line}`, { skip: missing('pwsh') }, async () => {
      const text = `gantry ${line}`;
      const { stdout, stderr, status } = spawnSync('pwsh', ['-NoProfile', '-Command', '-'], {
        input: `${await script('powershell')}
(TabExpansion2 -inputScript '${text}' -cursorColumn ${text.length}).CompletionMatches | ForEach-Object { $_.ListItemText }
`,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      for (const value of expected) assert.ok(stdout.split(/\r?\n/).includes(value), stdout);
    });
  }

  it('joined-values: the PowerShell script looks behind the equals sign', async () => {
    assert.match(await script('powershell'), /\$current -match '\^\(--\[\^=\]\+\)=\(\.\*\)\$'/);
  });
});

describe('each completion script', () => {
  const words = commands.flatMap((entry) =>
    isGroup(entry)
      ? [entry.name, ...entry.commands.map(({ name }) => name)]
      : [entry.name, ...(entry.aliases ?? [])],
  );

  for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
    it(`the script for ${shell} knows every command`, async () => {
      const text = await script(shell);
      for (const word of words) assert.match(text, new RegExp(`\\b${word}\\b`));
    });
  }

  it('a script has descriptions for shells that show them, unless --no-descriptions omits them', async () => {
    for (const shell of ['zsh', 'fish', 'powershell']) {
      assert.ok((await script(shell)).includes('list the tags of a repository'));
      assert.ok(!(await script(shell, '--no-descriptions')).includes('list the tags of a repository'));
    }
  });

  for (const [shell, check] of [
    ['bash', ['-n']],
    ['zsh', ['-n']],
    ['fish', ['--no-execute']],
  ] as const) {
    it(`${shell} can read its script`, { skip: missing(shell) }, async (test) => {
      const file = join(await folder(test), 'script');
      await writeFile(file, await script(shell));
      const { status, stderr } = spawnSync(shell, [...check, file], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    });
  }
});
