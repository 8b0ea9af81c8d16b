import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGroup } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/table.ts';
import { type Line, lines } from './rows.ts';
import { answerScenes, type Scene } from './scenes.ts';
import { openStage, settled } from './stage.ts';

const { play } = openStage(3 * 1024 * 1024);

it('lingers-after-cut-push: there is a line for each command of the command line', () => {
  const names = commands.flatMap((entry) =>
    isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name],
  );
  assert.deepEqual(Object.keys(lines).toSorted(), names.toSorted());
});

function meets({ asks }: Line, { bodies, name }: Scene): boolean {
  if (asks === undefined) return name === 'no fault';
  return bodies === undefined || asks === 'bodies';
}

for (const scene of answerScenes) {
  describe(`after ${scene.name}`, { concurrency: 4 }, () => {
    for (const [name, own] of Object.entries(lines)) {
      for (const [at, line] of own.entries()) {
        if (!meets(line, scene)) continue;
        const which = at === 0 ? name : `${name}, line ${at + 1}`;
        it(`lingers-after-cut-push: nothing holds the process of ${which}`, {
          timeout: 180_000,
        }, async (test) => {
          const expected = line.isAnsweredAhead ? 'watch: never settled\n' : settled;
          assert.equal(await play(test, line, scene), expected);
        });
      }
    }
  });
}
