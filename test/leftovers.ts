import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** `RUN:TEST:FILE` in the environment of every program of a test: the processes that it descends from, and their file. */
export const testProcessVariable = 'GANTRY_TEST_PROCESS';

/** A program that outlived the test file that started it. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
  readonly file: string;
}

/**
 * Ends the programs whose test process has ended, and tells which they were. A server that a test left behind would hold
 * ports, disks and the run itself. Linux only: elsewhere nothing is found.
 */
export function endLeftovers(): readonly Leftover[] {
  if (process.platform !== 'linux') return [];
  const left = readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    return Number.isInteger(pid) ? (leftover(pid) ?? []) : [];
  });
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself since.
    }
  }
  return left;
}

function leftover(pid: number): Leftover | undefined {
  const variable = readOf(pid, 'environ')
    .split('\0')
    .find((entry) => entry.startsWith(`${testProcessVariable}=`));
  const [, run, test, file = ''] = /=(\d+):(\d+):(.*)/.exec(variable ?? '') ?? [];
  if (Number(run) !== process.pid || Number(test) === pid || isRunning(Number(test))) return undefined;
  const command = readOf(pid, 'cmdline').split('\0').join(' ').trim();
  // A process that has ended and was not waited for has no command any more.
  return command === '' ? undefined : { pid, command, file };
}

function readOf(pid: number, file: 'environ' | 'cmdline' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Whether a process runs. One that has ended and was not waited for doesn't. Linux only. */
export function isRunning(pid: number): boolean {
  const stat = readOf(pid, 'stat');
  // The name before the state may hold anything, parentheses and spaces among it.
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}
