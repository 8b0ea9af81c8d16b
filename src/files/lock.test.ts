import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import type { Rhythm } from './heartbeat.ts';
import { newHolder } from './holder.ts';
import { lockPath, notLinux, release, short, what } from './lock.test.support.ts';
import { takeLock } from './lock.ts';

/** The program of a process that holds the lock until its stdin ends. */
function holderProgram(path: string, rhythm?: Rhythm, waits = false): readonly string[] {
  const code = `
    const { takeLock } = await import(${JSON.stringify(new URL('./lock.js', import.meta.url).href)});
    const lock = await takeLock(${JSON.stringify(path)}, ${JSON.stringify({ what: 'the thing', rhythm, ...(waits ? { wait: 1e9 } : {}) })});
    process.stdin.resume().on('end', () => lock[Symbol.asyncDispose]());
    console.log('held');`;
  return [process.execPath, '--input-type=module', '-e', code];
}

interface Holding {
  readonly pid: number;
  readonly end: (how: 'release' | 'kill') => Promise<void>;
}

async function holder(
  path: string,
  before: readonly string[] = [],
  rhythm?: Rhythm,
  waits = false,
): Promise<Holding> {
  const [program = '', ...args] = [...before, ...holderProgram(path, rhythm, waits)];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  await said(child);
  const { pid } = JSON.parse(await readFile(path, 'utf8'));
  return {
    pid,
    async end(how) {
      if (how === 'kill') child.kill('SIGKILL');
      else child.stdin.end();
      await gone;
    },
  };
}

async function said(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the process ended before it held the lock')));
  });
}

describe('a lock', () => {
  it('vanished-lock-folder: a lock is taken in a folder that another process has just cleared away', async (test) => {
    const folder = join(dirname(await lockPath(test)), 'cleared');
    let tries = 0;
    const prepare = async (): Promise<void> => {
      tries += 1;
      await mkdir(folder, { recursive: true });
      if (tries <= 3) await rm(folder, { recursive: true });
    };
    await (await takeLock(join(folder, 'lock'), { what: 'the thing', prepare }))[Symbol.asyncDispose]();
    assert.equal(tries, 4);
  });

  it('vanished-lock-folder: a folder that never stays is an error, not an endless wait', async (test) => {
    const folder = join(dirname(await lockPath(test)), 'cleared');
    const taken = takeLock(join(folder, 'lock'), { what: 'the thing', prepare: async () => undefined });
    await assert.rejects(taken, { code: 'IO_FAILED', path: join(folder, 'lock') });
  });

  it('a lock shuts out every other process until it is disposed, then leaves no file', async (test) => {
    const path = await lockPath(test);
    const lock = await takeLock(path, { what });
    await assert.rejects(takeLock(path, { what }), { code: 'IN_USE', path });
    await lock[Symbol.asyncDispose]();
    await (await takeLock(path, { what }))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(join(path, '..')), []);
  });

  it('a lock holds against another process, and the error names the holder', async (test) => {
    const path = await lockPath(test);
    const other = await holder(path);
    await assert.rejects(takeLock(path, { what }), (error: Error) =>
      error.message.includes(`process ${other.pid} on ${hostname()}`),
    );
    await other.end('release');
    await (await takeLock(path, { what }))[Symbol.asyncDispose]();
  });

  it('a process can wait for a lock', async (test) => {
    const path = await lockPath(test);
    const other = await holder(path);
    const waiting = takeLock(path, { what, wait: 60_000 });
    await other.end('release');
    await (await waiting)[Symbol.asyncDispose]();
  });

  it('a lock is taken over from a killed process', async (test) => {
    const path = await lockPath(test);
    const other = await holder(path);
    await other.end('kill');
    assert.ok((await readFile(path, 'utf8')).includes(String(other.pid)));
    await (await takeLock(path, { what }))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(join(path, '..')), []);
  });

  it('only one of many processes takes a lock over', async (test) => {
    const path = await lockPath(test);
    await (await holder(path)).end('kill');
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path, { what })));
    const won = results.filter((result) => result.status === 'fulfilled');
    assert.equal(won.length, 1);
  });

  it('lock-is-held-once: two processes never hold a lock at once, although some of them are killed', async (test) => {
    const path = await lockPath(test);
    const counter = join(path, '..', 'counter');
    await writeFile(counter, '0');
    const code = `
      const { takeLock } = await import(${JSON.stringify(new URL('./lock.js', import.meta.url).href)});
      const { readFile, writeFile } = await import('node:fs/promises');
      for (let times = 0; times < 20; times++) {
        const lock = await takeLock(${JSON.stringify(path)}, { what: 'the thing', wait: Infinity });
        const count = Number(await readFile(${JSON.stringify(counter)}, 'utf8'));
        await new Promise((resolve) => setImmediate(resolve));
        await writeFile(${JSON.stringify(counter)}, String(count + 1));
        await lock[Symbol.asyncDispose]();
      }`;
    const counting = Array.from({ length: 3 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
      assert.deepEqual(await once(child, 'exit'), [0, null]);
    });
    const killed = async (): Promise<void> => {
      for (let times = 0; times < 3; times++) await (await holder(path, [], undefined, true)).end('kill');
    };
    await Promise.all([...counting, killed()]);
    assert.equal(await readFile(counter, 'utf8'), '60');
  });

  it('waiting for a lock rethrows the reason of an abort', async (test) => {
    const path = await lockPath(test);
    await using _ = await takeLock(path, { what });
    const abort = new AbortController();
    const waiting = takeLock(path, { what, wait: 60_000, signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(waiting, (error) => error === abort.signal.reason);
  });
});

describe('a lock whose holder has ended', () => {
  it('lock-of-a-zombie: the lock of a zombie is taken over although its process id still exists', {
    skip: notLinux,
  }, async (test) => {
    const path = await lockPath(test);
    // The program that follows `exec` knows nothing of the child that it has, and never asks for it.
    const script = 'exec 3<&0; "$@" <&3 & exec sleep 600';
    const parent = spawn('sh', ['-c', script, 'sh', ...holderProgram(path)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    atEnd(test, () => parent.kill('SIGKILL'));
    await said(parent);
    const { pid } = JSON.parse(await readFile(path, 'utf8'));
    process.kill(pid, 'SIGKILL');
    const state = async (): Promise<string> =>
      /State:\s+(\S)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    while ((await state()) !== 'Z') await new Promise((resolve) => setImmediate(resolve));
    await release(await takeLock(path, { what }));
    assert.equal(await state(), 'Z');
  });

  it('lock-of-a-gone-container: the lock of a removed container is taken over under another host name and among other process ids', async (test) => {
    const unshare = ['unshare', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'];
    const named = [...unshare, 'hostname gone.invalid && exec "$@"', 'sh'];
    const path = await lockPath(test);
    let container: Holding;
    try {
      container = await holder(path, named);
    } catch {
      return test.skip('this machine lets no process have its own host name');
    }
    assert.equal(container.pid, 1);
    await assert.rejects(takeLock(path, { what }), { code: 'IN_USE', message: /process 1 on gone\.invalid/ });
    await container.end('kill');
    await release(await takeLock(path, { what, rhythm: short }));
    assert.deepEqual(await readdir(join(path, '..')), []);
  });

  it('lock-lost: a holder that was stopped for too long gets an error before it writes', async (test) => {
    const path = await lockPath(test);
    const lock = await takeLock(path, { what, rhythm: { beat: 600_000, silence: 0 } });
    await lock.check();
    await rm(path);
    await writeFile(path, JSON.stringify({ ...newHolder(), token: 'of another' }));
    await assert.rejects(lock.check(), { code: 'IN_USE', path });
    await release(lock);
    assert.match(await readFile(path, 'utf8'), /of another/, "what is another process's stays");
  });

  it('a holder of a removed lock file goes on, unless another process has the lock', async (test) => {
    const path = await lockPath(test);
    const lock = await takeLock(path, { what, rhythm: { beat: 600_000, silence: 0 } });
    await rm(path);
    await lock.check();
    await assert.rejects(takeLock(path, { what }), { code: 'IN_USE' });
    await release(lock);
    assert.deepEqual(await readdir(join(path, '..')), []);
  });

  it('waiting for a lock names its holder once', async (test) => {
    const path = await lockPath(test);
    const lock = await takeLock(path, { what });
    const told = await new Promise<string>((resolve, reject) => {
      const waiting = takeLock(path, { what, wait: Number.POSITIVE_INFINITY, onWait: resolve });
      waiting.then(release).catch(reject);
    });
    assert.ok(told.includes(`process ${process.pid}`), told);
    await release(lock);
  });
});
