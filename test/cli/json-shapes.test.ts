import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

/** The members of the JSON of each command, in alphabetical order. `HOST` stands for the registry. */
const shapes: readonly (readonly [line: string, members: string])[] = [
  ['digest HOST/app:1', 'digest mediaType reference size'],
  ['ls HOST/app', 'repository tags'],
  ['catalog HOST', 'registry repositories'],
  ['tag HOST/app:1 2', 'digest image mediaType size tag'],
  ['referrers HOST/app:1', 'image referrers'],
  ['referrers --tree HOST/app:1', 'image referrers subject'],
  ['copy HOST/app:1 HOST/copy:1', 'destination digest mediaType size source'],
  ['copy -a HOST/app HOST/copy', 'destination source tags'],
  ['convert --to docker HOST/app:1', 'before digest losses mediaType reference size'],
  ['pull HOST/app:1 app.tar', 'format images path'],
  ['delete HOST/app:1', 'deleted dryRun failed kept planned'],
  ['delete --keep 1 --dry-run HOST/app', 'deleted dryRun failed kept planned'],
  ['transfers ls', 'uploads'],
  ['transfers rm --all', 'forgotten'],
  ['version', 'node version'],
];

describe('the JSON of the commands', () => {
  for (const [line, members] of shapes) {
    it(`${line} --json prints one object with ${members}, and nothing else on stdout`, async (test) => {
      await using registry = await startRegistry();
      await store(registry.registry, 'app', ['1'], await makeImage('hello'));
      const words = line.replaceAll('HOST', registry.host).split(' ');
      const { code, stdout, stderr } = await gantry([...words, '--json'], { cwd: await folder(test) });
      assert.equal(code, 0, stderr);
      assert.equal(Object.keys(JSON.parse(stdout)).sort().join(' '), members);
    });
  }
});
