import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/**
 * `RUN:TEST:FILE` in the environment of every program of a test: the ids of the run and of the test process, and the
 * test file.
 */
export const testProcessVariable = 'GANTRY_TEST_PROCESS';

/** A program that outlived the test file that started it. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
  readonly file: string;
}

/**
 * Ends the programs whose test process has ended, and returns them. A server that a test left would hold ports, disks
 * and the run itself. Linux only: on other systems it finds nothing.
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
      // The process has ended by itself since.
    }
  }
  return left;
}

/** Returns the processes of this run that run test files. Linux only. */
export function testProcesses(
  files: readonly string[],
): readonly { readonly pid: number; readonly file: string }[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || parentOf(pid) !== process.pid || !isRunning(pid)) return [];
    const words = new Set(readOf(pid, 'cmdline').split('\0'));
    const file = files.find((path) => words.has(path));
    return file === undefined ? [] : [{ pid, file }];
  });
}

function leftover(pid: number): Leftover | undefined {
  const variable = readOf(pid, 'environ')
    .split('\0')
    .find((entry) => entry.startsWith(`${testProcessVariable}=`));
  const [, run, test, file = ''] = /=(\d+):(\d+):(.*)/.exec(variable ?? '') ?? [];
  if (Number(run) !== process.pid || Number(test) === pid || isRunning(Number(test))) return undefined;
  const command = readOf(pid, 'cmdline').split('\0').join(' ').trim();
  // A process that has ended but was not waited for has no command any more.
  return command === '' ? undefined : { pid, command, file };
}

function readOf(pid: number, file: 'environ' | 'cmdline' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Returns whether a process runs. False for one that has ended but was not waited for. Linux only. */
export function isRunning(pid: number): boolean {
  const [state = ''] = fieldsOf(pid);
  return state !== '' && !/^[ZX]/.test(state);
}

function parentOf(pid: number): number {
  return Number(fieldsOf(pid)[1]);
}

/** Returns the state, the parent and so on. The name before them may contain anything, even parentheses and spaces. */
function fieldsOf(pid: number): readonly string[] {
  const stat = readOf(pid, 'stat');
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
