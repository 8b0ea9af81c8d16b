import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The functions of `node:fs/promises` that change the disk. */
const changing = 'rename link mkdir rm rmdir appendFile symlink copyFile chmod utimes truncate'.split(' ');

/** Returns the URL of a module of the library as a literal for the code of another process. */
export function moduleAt(path: string): string {
  return JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
}

/**
 * Runs the code in another process, which is killed directly before its `step`-th change of the disk. Returns false when the
 * code came to its end, because it makes fewer changes.
 */
async function isKilledAt(code: string, step: number): Promise<boolean> {
  const program = `
    import fs from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    let left = ${step};
    const counted = (change) => function (...values) {
      if (--left > 0) return change.apply(this, values);
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => undefined);
    };
    const { open } = fs;
    const probe = await open(process.execPath, 'r');
    const handle = Object.getPrototypeOf(probe);
    await probe.close();
    for (const name of ${JSON.stringify(changing)}) fs[name] = counted(fs[name]);
    for (const name of ['write', 'writeFile', 'truncate']) handle[name] = counted(handle[name]);
    fs.open = (path, flags, mode) =>
      (flags === 'wx' || flags === 'wx+' || flags === 'w' ? counted(open) : open)(path, flags, mode);
    syncBuiltinESMExports();
    ${code}
    process.exit(0);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code_, signal] = await once(child, 'close');
  assert.ok(signal === 'SIGKILL' || code_ === 0, said);
  return signal === 'SIGKILL';
}

/** The number of processes that run at the same time. */
const together = 3;

/**
 * Runs a process for every change of the disk that the code makes, and kills it before this change. `codeAt` prepares a
 * place of its own for each process and returns the code. `judge` looks at that place after the kill. Returns the number of
 * changes.
 */
export async function killedAtEveryChange(
  codeAt: (step: number) => Promise<string>,
  judge: (step: number) => Promise<void>,
): Promise<number> {
  let step = 0;
  let changes = Number.POSITIVE_INFINITY;
  const run = async (): Promise<void> => {
    for (let own = ++step; own <= changes; own = ++step) {
      if (await isKilledAt(await codeAt(own), own)) await judge(own);
      else changes = Math.min(changes, own - 1);
    }
  };
  await Promise.all(Array.from({ length: together }, run));
  return changes;
}
