import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Returns the command of the user's editor. */
export function chosenEditor(): string {
  return process.env['VISUAL'] || process.env['EDITOR'] || (process.platform === 'win32' ? 'notepad' : 'vi');
}

/** Runs the editor through a shell, since its variable may hold options. Returns its exit code. */
export async function runEditor(editor: string, file: string): Promise<unknown> {
  // Stdout may be caught by a script, and stderr is the terminal then.
  const stdio = ['inherit', process.stdout.isTTY ? 'inherit' : 2, 'inherit'] as const;
  const child =
    process.platform === 'win32'
      ? spawn(`${editor} "${file}"`, { shell: true, stdio: [...stdio] })
      : spawn('/bin/sh', ['-c', `${editor} "$1"`, 'gantry', file], { stdio: [...stdio] });
  const [code]: unknown[] = await once(child, 'close');
  return code;
}
