import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../bench/support/programs.ts';
import { type Command, isGroup } from '../../src/cli/command.ts';
import { globalOptions } from '../../src/cli/shared-options.ts';
import { commands } from '../../src/cli/table.ts';
import { needs } from '../peer.ts';
import { readText } from './pages.ts';

/** Words that crane's help does not list. */
const hidden = ['edit', 'index list'];
/** crane adds this word itself; its own commands for shells are values here. */
const groups = new Set(['completion']);
/** Flags that never worked: docs/crane.md has the row. */
const unusable = new Set(['rebase --original']);

async function helpOf(words: string): Promise<string> {
  const { code, stdout } = await run('crane', [...words.split(' ').filter(Boolean), '--help']);
  assert.equal(code, 0, words);
  return stdout;
}

/** Lists crane's commands with their help, without the groups. */
async function craneCommands(prefix = ''): Promise<readonly (readonly [name: string, help: string])[]> {
  const help = await helpOf(prefix);
  const [, list = ''] = /Available Commands:\n((?: {2}.*\n)+)/.exec(help) ?? [];
  const names = [...list.matchAll(/^ {2}(\S+)/gm)].map(([, name = '']) => `${prefix} ${name}`.trim());
  if (prefix === '') names.push('edit');
  if (names.length === 0 || groups.has(prefix)) return [[prefix, help]];
  const found = await Promise.all(names.filter((name) => name !== 'help').map((name) => craneCommands(name)));
  return found.flat();
}

function commandOf(name: string): Command | undefined {
  const [first, second] = name.split(' ');
  for (const entry of commands) {
    const isNamed = entry.name === first || (!isGroup(entry) && entry.aliases?.includes(first ?? ''));
    if (isNamed) return isGroup(entry) ? entry.commands.find((one) => one.name === second) : entry;
  }
  return undefined;
}

describe('docs/crane.md', needs('crane'), () => {
  it('docs/crane.md names every command of crane, and gantry has each with all of its flags', async () => {
    const page = readText('docs/crane.md');
    const [, table = ''] = page.split('## Commands');
    const missing: string[] = [];
    const all = await craneCommands();
    assert.ok(all.length > 25, String(all.length));
    for (const [name, help] of [...all, ...hidden.map((one) => [one, ''] as const)]) {
      if (!table.includes(`\`${name}`)) missing.push(`${name} on the page`);
      const own = commandOf(name);
      if (own === undefined && name !== 'edit') missing.push(name);
      const known = new Set([...(own?.options ?? []), ...globalOptions].map((option) => option.name));
      const [, flags = ''] = help.split(/^Flags:$/m);
      for (const [, flag = ''] of flags.matchAll(/--([a-z_-]+)/g)) {
        if (flag === 'help' || known.has(flag) || unusable.has(`${name} --${flag}`)) continue;
        missing.push(`${name} --${flag}`);
      }
    }
    assert.deepEqual(missing, []);
  });
});
