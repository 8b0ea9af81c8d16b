import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { openLayout } from '../../src/layout/repository.ts';
import { giveImage } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { command } from './gantry.ts';
import { makeImage, store } from './images.ts';

/** Runs gantry with a stdout that takes no byte, because its disk is full. */
async function intoFull(
  args: readonly string[],
  cwd?: string,
): Promise<{ readonly code: unknown; readonly stderr: string }> {
  await using full = await open('/dev/full', 'w');
  const [file, ...first] = command;
  const child = spawn(file, [...first, ...args], {
    stdio: ['ignore', full.fd, 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const ended = once(child, 'close');
  const stderr = await text(child.stderr ?? assert.fail('the program has no stderr'));
  const [code] = await ended;
  return { code, stderr };
}

const noFull = existsSync('/dev/full') ? false : 'this system has no /dev/full';

/** Commands with HOST for the registry of the test, which holds `app:1`. */
const commands = [
  'version',
  '--version',
  'version --json',
  '--help',
  'help copy',
  'copy --help',
  'registry --help',
  'completion bash',
  'completion fish --json',
  'digest HOST/app:1',
  'digest HOST/app:1 --json',
  'manifest HOST/app:1',
  'config HOST/app:1',
  'blob HOST/app@CONFIG',
  'ls HOST/app',
  'ls HOST/app --json',
  'catalog HOST',
  'inspect HOST/app:1',
  'referrers HOST/app:1 --json',
  'validate --remote HOST/app:1',
  'copy HOST/app:1 HOST/copy:1 --json',
  'tag HOST/app:1 next --json',
  'pull HOST/app:1 -',
  'pull HOST/app:1 app.tar --json',
  'delete HOST/app:1 --json',
];

describe('unwritten-result: a command whose stdout is on a full disk', { skip: noFull }, () => {
  for (const line of commands) {
    it(`gantry ${line} exits 1 and says that no space is left`, async (test) => {
      const image = await makeImage('hello');
      await using registry = await startRegistry();
      await store(registry.registry, 'app', ['1'], image);
      const { config } = (await image.manifest()).body;
      const args = line.replaceAll('HOST', registry.host).replace('CONFIG', config.digest).split(' ');
      const { code, stderr } = await intoFull(args, await folder(test));
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^gantry: [^\n]*stdout: no space is left[^\n]*\n$/m);
    });
  }

  it('gantry push exits 1, and the pushed image is in the registry', async (test) => {
    const cwd = await folder(test);
    await using registry = await startRegistry();
    {
      await using layout = await openLayout(join(cwd, 'layout'), { mode: 'write' });
      await giveImage(layout, {}, '1');
      await layout.commit?.();
    }
    const { code, stderr } = await intoFull(['push', 'layout', `${registry.host}/pushed:1`], cwd);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /stdout: no space is left/);
    const pushed = registry.registry.repository('pushed', { actions: ['pull'] });
    assert.ok(await pushed.manifests.resolve('1'));
  });
});
