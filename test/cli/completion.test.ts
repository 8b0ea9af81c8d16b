import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { isGroup } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/table.ts';
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

/** What bash would offer after these words; the last one is being typed. */
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
    ['completes a command', ['gantry', 'pu'], ['push', 'pull']],
    ['completes an alias', ['gantry', 'cp'], ['cp']],
    ['completes a word of a group', ['gantry', 'auth', 'log'], ['login', 'logout']],
    [
      'completes an option of a command',
      ['gantry', 'push', '--i'],
      ['--index', '--image-refs', '--insecure', '--insecure-registry'],
    ],
    ['completes an option of a grouped command', ['gantry', 'auth', 'token', '--pu'], ['--push']],
    ['completes the values of an option', ['gantry', 'pull', '--format', ''], ['tarball', 'legacy', 'oci']],
    ['completes a global option before the command', ['gantry', '--prog'], ['--progress']],
    ['completes its values', ['gantry', '--progress', 'p'], ['plain']],
    ['completes behind a global option', ['gantry', '--progress', 'plain', 'dig'], ['digest']],
    ['completes the shells', ['gantry', 'completion', ''], ['bash', 'zsh', 'fish', 'powershell']],
    ['leaves arguments to the shell', ['gantry', 'push', ''], []],
  ] as const) {
    it(`${name}: ${words.join(' ')}`, async () => assert.deepEqual(await offered(words), expected));
  }
});

describe('each completion script', () => {
  const words = commands.flatMap((entry) =>
    isGroup(entry)
      ? [entry.name, ...entry.commands.map(({ name }) => name)]
      : [entry.name, ...(entry.aliases ?? [])],
  );

  for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
    it(`for ${shell} knows every command`, async () => {
      const text = await script(shell);
      for (const word of words) assert.match(text, new RegExp(`\\b${word}\\b`));
    });
  }

  it('has descriptions where the shell shows them, unless they are not wanted', async () => {
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
    it(`is something that ${shell} can read`, { skip: missing(shell) }, async () => {
      const { status, stderr } = spawnSync(shell, check, { input: await script(shell), encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    });
  }
});
