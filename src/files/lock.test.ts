import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { takeLock } from './lock.ts';

async function lockPath(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-lock-'));
  atEnd(test, () => rm(folder, { recursive: true }));
  return join(folder, 'lock');
}

/** Another process that holds the lock until its stdin ends. */
async function holder(
  path: string,
): Promise<{ pid: number; end: (how: 'release' | 'kill') => Promise<void> }> {
  const code = `
    const { takeLock } = await import(${JSON.stringify(new URL('./lock.js', import.meta.url).href)});
    const lock = await takeLock(${JSON.stringify(path)}, { what: 'the thing' });
    process.stdin.resume().on('end', () => lock[Symbol.asyncDispose]());
    console.log('held');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the process ended before it held the lock')));
  });
  return {
    pid: child.pid ?? 0,
    end(how) {
      if (how === 'kill') child.kill('SIGKILL');
      else child.stdin.end();
      return gone;
    },
  };
}

const what = 'the thing';

describe('a lock', () => {
  it('shuts out everyone else until it is disposed, then leaves no file', async (test) => {
    const path = await lockPath(test);
    const lock = await takeLock(path, { what });
    await assert.rejects(takeLock(path, { what }), { code: 'IN_USE', path });
    await lock[Symbol.asyncDispose]();
    await (await takeLock(path, { what }))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(join(path, '..')), []);
  });

  it('holds against another process, and the error names it', async (test) => {
    const path = await lockPath(test);
    const other = await holder(path);
    await assert.rejects(takeLock(path, { what }), (error: Error) =>
      error.message.includes(`process ${other.pid} on ${hostname()}`),
    );
    await other.end('release');
    await (await takeLock(path, { what }))[Symbol.asyncDispose]();
  });

  it('can be waited for', async (test) => {
    const path = await lockPath(test);
    const other = await holder(path);
    const waiting = takeLock(path, { what, wait: 60_000 });
    await other.end('release');
    await (await waiting)[Symbol.asyncDispose]();
  });

  it('is taken over from a process that was killed', async (test) => {
    const path = await lockPath(test);
    const other = await holder(path);
    await other.end('kill');
    assert.ok((await readFile(path, 'utf8')).includes(String(other.pid)));
    await (await takeLock(path, { what }))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(join(path, '..')), []);
  });

  it('goes to one only, however many take it over', async (test) => {
    const path = await lockPath(test);
    await (await holder(path)).end('kill');
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path, { what })));
    const won = results.filter((result) => result.status === 'fulfilled');
    assert.equal(won.length, 1);
  });

  it('rethrows the reason of an abort while waiting', async (test) => {
    const path = await lockPath(test);
    await using _ = await takeLock(path, { what });
    const abort = new AbortController();
    const waiting = takeLock(path, { what, wait: 60_000, signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(waiting, (error) => error === abort.signal.reason);
  });
});

describe('a lock file', () => {
  const mine = { pid: process.pid, host: hostname(), token: 'x' };
  const rows = [
    {
      name: 'of a process id that was used again is taken over',
      text: JSON.stringify({ ...mine, start: '1' }),
      linux: true,
      free: true,
    },
    {
      name: 'of another host is respected, since its processes can not be seen',
      text: JSON.stringify({ ...mine, pid: 0, host: 'elsewhere.invalid' }),
      free: false,
    },
    { name: 'that is being written just now is respected', text: '', free: false },
    { name: 'that has been empty for long is taken over', text: '', old: true, free: true },
    { name: 'that holds something else for long is taken over', text: '"what"', old: true, free: true },
  ];
  for (const { name, text, old = false, linux = false, free } of rows) {
    const skip = linux && process.platform !== 'linux' && 'only Linux tells when a process started';
    it(name, { skip }, async (test) => {
      const path = await lockPath(test);
      await writeFile(path, text);
      if (old) await utimes(path, 0, 0);
      const taken = takeLock(path, { what });
      if (free) await (await taken)[Symbol.asyncDispose]();
      else await assert.rejects(taken, { code: 'IN_USE' });
    });
  }
});
