import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import type { Rhythm } from './heartbeat.ts';
import type { Lock } from './lock.ts';

/** Returns the path of a lock in a new folder. */
export async function lockPath(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-lock-'));
  atEnd(test, () => rm(folder, { recursive: true }));
  return join(folder, 'lock');
}

export async function release(lock: Lock): Promise<void> {
  await lock[Symbol.asyncDispose]();
}

export const isLinux: boolean = process.platform === 'linux';
/** The reason to skip a test on other systems. */
export const notLinux: string | false = isLinux ? false : 'only Linux tells of the processes of others';
/** Short times, so that no test waits the usual ten seconds for a heartbeat. */
export const short: Rhythm = { beat: 20, silence: 200 };

/** The name of the locked thing. */
export const what = 'the thing';
