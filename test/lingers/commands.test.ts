import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isGroup } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/table.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { finished, startProgram } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import type { Turn } from './in-turn.ts';
import { type Line, lines } from './rows.ts';
import { answerScenes, noFault, type Scene } from './scenes.ts';
import { openStage, settled } from './stage.ts';

const stage = openStage(3 * 1024 * 1024);
const program = fileURLToPath(new URL('in-turn.js', import.meta.url));

it('lingers-after-cut-push: there is a line for each command of the command line', () => {
  const names = commands.flatMap((entry) =>
    isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name],
  );
  assert.deepEqual(Object.keys(lines).toSorted(), names.toSorted());
});

const named: readonly (Line & { readonly name: string })[] = Object.entries(lines).flatMap(([name, own]) =>
  own.map((line, at) => ({ ...line, name: at === 0 ? name : `${name}, line ${at + 1}` })),
);

describe('after no fault', { concurrency: 4 }, () => {
  for (const { name, ...line } of named) {
    it(`lingers-after-cut-push: nothing holds the process of ${name}`, { timeout: 180_000 }, async (test) => {
      const expected = line.isAnsweredAhead ? 'watch: never settled\n' : settled;
      assert.equal(await stage.play(test, line, noFault), expected);
    });
  }
});

/** Runs the command lines in turn, each against a registry of its own with the faults. Returns the lines of the report. */
async function playInTurn(test: TestContext, scene: Scene, played: typeof named): Promise<readonly string[]> {
  const cwd = await folder(test);
  const { host: other } = await started(test, noFault, () => undefined);
  const report = join(cwd, 'report');
  let interrupt: (() => void) | undefined;
  const turns: Turn[] = [];
  for (const { name, words } of played) {
    const { host } = await started(test, scene, () => interrupt?.());
    const patience = scene.timeout === undefined ? [] : ['--timeout', String(scene.timeout)];
    turns.push({ name, words: [...words(await stage.place({ host, other })), ...patience] });
  }
  const child = startProgram(process.execPath, [program, report, JSON.stringify(turns)], {
    cwd,
    env: { DOCKER_CONFIG: cwd },
  });
  atEnd(test, () => child.kill('SIGKILL'));
  if (scene.interrupted) interrupt = () => void child.kill('SIGINT');
  const { code, stderr } = await finished(child, played.map(({ input = '' }) => input).join(''));
  assert.equal(code, 0, stderr);
  return (await readFile(report, 'utf8')).trim().split('\n');
}

async function started(test: TestContext, scene: Scene, met: () => void): Promise<{ readonly host: string }> {
  const registry = await startRegistry({ registry: await stage.filled(), faults: scene.faults(met) });
  // Throws if a fault has not struck.
  atEnd(test, () => registry.close());
  return registry;
}

describe('after a fault', { concurrency: 2 }, () => {
  for (const scene of answerScenes) {
    it(`lingers-after-cut-push: nothing holds the process after ${scene.name}`, {
      timeout: 600_000,
    }, async (test) => {
      const played = named.filter(({ asks }) => asks === 'bodies' || (asks === 'heads' && !scene.bodies));
      const report = await playInTurn(test, scene, played);
      assert.deepEqual(
        report,
        played.map(({ name }) => JSON.stringify({ name, held: [] })),
      );
    });
  }
});
