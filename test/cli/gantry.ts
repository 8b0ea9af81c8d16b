import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The file that the bundle is made from. */
export const unbundled: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** The file that `npm run build` makes for users. */
export const bundle: string = fileURLToPath(new URL('../../cli/gantry.cjs', import.meta.url));

/**
 * The bundle, if it is as new as this test. Otherwise only the compiler has run since, and this is the unbundled file.
 */
export const binary: string = modified(bundle) < modified(unbundled) ? unbundled : bundle;

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** An executable file of gantry that the tests of the command line run in place of the bundle. */
export const executable: string | undefined = process.env['GANTRY_EXECUTABLE'] || undefined;

/** The program and its first arguments that run gantry. */
export const command: readonly [string, ...string[]] =
  executable === undefined ? [process.execPath, binary] : [executable];

export interface Ended {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** The text on stdin. */
  readonly input?: string;
  readonly cwd?: string;
  /** Options of Node, which runs the bundle then, also in place of an executable file. */
  readonly nodeOptions?: readonly string[];
  /** A file for Node, in place of gantry. */
  readonly program?: string;
}

/** Runs gantry to its end, without the logins and settings of this machine. */
export async function gantry(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return finished(startGantry(args, options), options.input);
}

export function startGantry(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const { nodeOptions = [], program, env = {}, cwd } = options;
  const onNode = program !== undefined || nodeOptions.length > 0;
  const [file, ...first] = onNode ? [process.execPath, ...nodeOptions, program ?? binary] : command;
  return startProgram(file, [...first, ...args], {
    env,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Starts any program with the same empty environment. */
export function startProgram(
  program: string,
  args: readonly string[],
  { env = {}, cwd }: RunOptions = {},
): ChildProcess {
  const { PORT: _, NO_COLOR: __, ...rest } = process.env;
  return spawn(program, args, {
    env: {
      ...rest,
      DOCKER_CONFIG: nowhere,
      REGISTRY_AUTH_FILE: join(nowhere, 'auth.json'),
      GANTRY_STATE_DIR: 'none',
      ...env,
    },
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** A folder that never exists, so no config file is found there. */
const nowhere = join(tmpdir(), 'gantry-test-no-config');

export async function finished(child: ChildProcess, input = ''): Promise<Ended> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('the program has no pipes');
  // A program that does not read its stdin closes it.
  stdin.on('error', () => undefined);
  stdin.end(input);
  const closed = once(child, 'close');
  const [out, err] = await Promise.all([text(stdout), text(stderr)]);
  await closed;
  return { code: child.exitCode, stdout: out, stderr: err };
}

/** Resolves when the program has written a match to stderr. Rejects when it ends before. */
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
