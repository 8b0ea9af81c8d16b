import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What the bundle is made of. */
export const unbundled: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** What `npm run build` makes for users to run. */
export const bundle: string = fileURLToPath(new URL('../../cli/gantry.cjs', import.meta.url));

/** The bundle as it was built together with this test; where only the compiler has run since, what it is made of. */
export const binary: string = modified(bundle) < modified(unbundled) ? unbundled : bundle;

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export interface Ended {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What stdin holds. */
  readonly input?: string;
  readonly cwd?: string;
  readonly nodeOptions?: readonly string[];
  /** In place of the binary. */
  readonly program?: string;
}

/** Runs gantry to its end, with nothing of the machine's own logins and settings. */
export async function gantry(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return finished(startGantry(args, options), options.input);
}

export function startGantry(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const { nodeOptions = [], program = binary, env = {}, cwd } = options;
  return startProgram(process.execPath, [...nodeOptions, program, ...args], {
    env,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Any program, with the same empty surroundings. */
export function startProgram(
  program: string,
  args: readonly string[],
  { env = {}, cwd }: RunOptions = {},
): ChildProcess {
  const { PORT: _, NO_COLOR: __, ...rest } = process.env;
  return spawn(program, args, {
    env: { ...rest, DOCKER_CONFIG: nowhere, REGISTRY_AUTH_FILE: join(nowhere, 'auth.json'), ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** A folder that is never made: no config file is found there. */
const nowhere = join(tmpdir(), 'gantry-test-no-config');

export async function finished(child: ChildProcess, input = ''): Promise<Ended> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('the program has no pipes');
  // A program that doesn't read its stdin closes it.
  stdin.on('error', () => undefined);
  stdin.end(input);
  const closed = once(child, 'close');
  const [out, err] = await Promise.all([text(stdout), text(stderr)]);
  await closed;
  return { code: child.exitCode, stdout: out, stderr: err };
}

/** Resolves when the program has said something that matches on stderr; rejects when it ends without. */
export function saidOnStderr(child: ChildProcess, wanted: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += String(chunk);
      const found = wanted.exec(said);
      if (found !== null) resolve(found);
    });
    child.once('close', () => reject(new Error(`the program ended without saying ${wanted}: ${said}`)));
  });
}
