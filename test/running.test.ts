import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../scripts/project.ts';
import { finished, startProgram } from './cli/gantry.ts';
import { folder } from './folder.ts';
import { isRunning } from './leftovers.ts';

const runner = fileURLToPath(new URL('./run.js', import.meta.url));

/** Runs one file of tests with the runner of this suite. */
async function runFile(test: TestContext, code: string, limit: number) {
  const home = await folder(test);
  const file = join(home, 'sample.test.mjs');
  await writeFile(
    file,
    `import { spawn } from 'node:child_process';
     import { writeFileSync } from 'node:fs';
     import { it } from 'node:test';
     const server = () => {
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
       writeFileSync(${JSON.stringify(join(home, 'pid'))}, String(child.pid));
       return child;
     };
     ${code}`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = startProgram(process.execPath, [runner, `--file=${file}`, `--limit=${limit}`], {
    env: { ...env, NODE_TEST_CONTEXT: undefined },
  });
  const { code: exit, stdout } = await finished(child);
  return { exit, stdout, pid: Number(await readFile(join(home, 'pid'), 'utf8').catch(() => '0')) };
}

/** The kernel ends a killed program later, on a busy machine much later. */
async function isStillRunning(pid: number): Promise<boolean> {
  for (let tries = 0; isRunning(pid) && tries < 500; tries++) await setTimeout(20);
  return isRunning(pid);
}

describe('endless-test-file: the runner of the tests', {
  skip: process.platform !== 'linux' && 'processes are found on Linux only',
}, () => {
  it('the runner ends a file that does not end, names the test in it, and ends its programs', async (test) => {
    const { exit, stdout, pid } = await runFile(
      test,
      `it('waits for ever', async () => { server(); await new Promise(() => {}); });`,
      10,
    );
    assert.equal(exit, 1);
    assert.match(stdout, /sample\.test\.mjs did not end in 10 s; running: waits for ever/);
    assert.match(stdout, /sample\.test\.mjs left a program running: .*setInterval/);
    assert.equal(await isStillRunning(pid), false);
  });

  it('the runner fails a file that leaves a program running, and ends the program', async (test) => {
    const { exit, stdout, pid } = await runFile(test, `it('passes', () => { server().unref(); });`, 100);
    assert.equal(exit, 1);
    assert.match(stdout, /sample\.test\.mjs left a program running: .*setInterval/);
    assert.equal(await isStillRunning(pid), false);
  });

  it('the runner passes a file that ends and leaves nothing', async (test) => {
    const { exit, stdout } = await runFile(
      test,
      `it('passes', (t) => { const child = server(); child.unref(); t.after(() => child.kill()); });`,
      100,
    );
    assert.equal(exit, 0, stdout);
    assert.match(stdout, /^1 passed, 0 failed, 0 skipped$/m);
  });
});

it('endless-test-file: every test registers its cleanup with atEnd', () => {
  const direct = ['src', 'test'].flatMap((room) =>
    readdirSync(join(projectRoot(), room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && name !== 'at-end.ts' && name !== 'running.test.ts')
      .map((name) => join(room, name))
      .filter((path) => /\btest\.after\(/.test(readFileSync(join(projectRoot(), path), 'utf8'))),
  );
  assert.deepEqual(direct, []);
});
