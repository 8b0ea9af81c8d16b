import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatProblem } from './formats.ts';
import { signAdHoc, signatureProblem } from './mach-o.ts';
import { type Platform, platformHere } from './platforms.ts';
import { findProgram, run } from './run.ts';
import { installRuntime, runtimeOf } from './runtime.ts';

/** Options of Bun's compiler. */
const options: readonly string[] = [
  '--compile',
  '--bytecode',
  '--format=cjs',
  '--sourcemap=none',
  // A file in the folder of the user must not change the settings of gantry.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  '--no-compile-autoload-tsconfig',
  '--no-compile-autoload-package-json',
];

/**
 * Makes the executable file of a platform from the standalone script, and checks it. The compiler runs here; for
 * another platform it only takes that platform's runtime.
 */
export async function buildExecutable(platform: Platform, script: string, file: string): Promise<void> {
  const here = platformHere();
  if (here === undefined) throw new Error('the compiler does not run on this machine');
  await installRuntime(here);
  await installRuntime(platform);
  await mkdir(dirname(file), { recursive: true });
  const compiler = runtimeOf(here);
  await chmod(compiler, 0o755);
  const target = [
    `--target=${targetOf(platform)}`,
    `--compile-executable-path=${runtimeOf(platform)}`,
    `--outfile=${file}`,
  ];
  await run(compiler, ['build', ...options, ...target, script]);
  const built = await readFile(file);
  // Bun signs for Apple's processors. For Intel's it leaves the signature of its maker, which is wrong then.
  if (platform.os === 'darwin' && signatureProblem(built) !== undefined) {
    await writeFile(file, signAdHoc(built, 'gantry'));
  }
  await chmod(file, 0o755);
}

function targetOf({ os, cpu }: Platform): string {
  return `bun-${os === 'win32' ? 'windows' : os}-${cpu}`;
}

export interface CheckOptions {
  /** The version that the file must print. */
  readonly version: string;
}

/**
 * Checks an executable file as far as this machine can, and returns the checks that it made.
 * @throws when a check fails
 */
export async function checkExecutable(
  platform: Platform,
  file: string,
  { version }: CheckOptions,
): Promise<readonly string[]> {
  const problem = formatProblem(await readFile(file), platform);
  if (problem !== undefined) throw new Error(`${file}: ${problem}`);
  const made = [platform.os === 'darwin' ? 'format and signature' : 'format'];
  const describe = findProgram('file');
  if (describe !== undefined) {
    const description = await run(describe, ['--brief', file]);
    if (!platform.description.test(description)) throw new Error(`${file}: it is ${description}`);
    made.push('description by file');
  }
  const starter = starterOf(platform);
  if (starter === undefined) return [...made, 'not started, since nothing here runs it'];
  const [program, ...first] = [...starter, file];
  const said = await run(program, [...first, 'version']);
  if (said.trim() !== version) throw new Error(`${file}: its version is ${said}`);
  return [...made, starter.length === 0 ? 'started' : 'started by qemu'];
}

/** Returns the program and arguments in front of the file that start it here; empty for this machine's own. */
export function starterOf(platform: Platform): readonly string[] | undefined {
  if (platform === platformHere()) return [];
  // Debian's package libc6-arm64-cross.
  const libraries = '/usr/aarch64-linux-gnu';
  if (platform.name !== 'linux-arm64' || process.platform !== 'linux') return undefined;
  const qemu = findProgram('qemu-aarch64-static', 'qemu-aarch64');
  return qemu === undefined || !existsSync(libraries) ? undefined : [qemu, '-L', libraries];
}
