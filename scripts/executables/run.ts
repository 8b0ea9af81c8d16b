import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Runs a program to its end and returns its stdout. Rejects with its stderr when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd }: { readonly cwd?: string } = {},
): Promise<string> {
  const options = { maxBuffer: 64 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) };
  const { stdout } = await promisify(execFile)(program, args, options);
  return stdout;
}

/** Returns the first of the programs that is in PATH. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
