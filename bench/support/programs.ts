import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';

/** A program takes seconds, so one that takes this many milliseconds hangs. */
const programTimeout = 180_000;

export function isInPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface RunOptions {
  /** Extends the environment of the tests, which has no logins. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** The current folder. Default: that of the tests. */
  readonly cwd?: string;
}

export interface Ended {
  /** The exit code; null after a signal, also after the one that ends a slow program. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without the logins of this machine. */
export async function run(
  program: string,
  args: readonly string[],
  { env = {}, input = '', cwd }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...withoutLogins, ...env },
    timeout: programTimeout,
    killSignal: 'SIGKILL',
  });
  // A program that does not read its stdin closes it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

/** Runs a program that must succeed, and returns its stdout. */
export async function output(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  assert.equal(code, 0, `${program} ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** A folder that never exists, so no config file is found there. */
const nowhere = join(tmpdir(), 'gantry-test-no-config');
const withoutLogins = { DOCKER_CONFIG: nowhere, REGISTRY_AUTH_FILE: join(nowhere, 'auth.json') };
