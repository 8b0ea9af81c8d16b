import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { InputError } from '../errors.ts';
import { onDisk } from '../files/files.ts';
import type { Context } from './context.ts';
import { Failed } from './exit.ts';
import { readStdinBytes } from './stdin.ts';

/** Returns the new content of a text. */
export type Edit = (before: Uint8Array) => Promise<Uint8Array>;

/** Settings of an edit. */
export interface EditorOptions {
  /** The name of the file for the editor. Its ending tells the format. */
  readonly name: string;
  /** The greatest size of the new content, in bytes. */
  readonly limit: number;
  /** Whether the content of stdin fits one text only. Otherwise it replaces all texts. */
  readonly isOwn: boolean;
}

/**
 * Lets the user edit texts: in the editor of $VISUAL or $EDITOR on a terminal. Otherwise stdin is the new content. Equal texts are
 * edited once.
 */
export function openEditor({ output, signal }: Context, { name, limit, isOwn }: EditorOptions): Edit {
  const edited = new Map<string, Uint8Array>();
  let stdin: Uint8Array | undefined;
  const fromStdin: Edit = async (before) => {
    const isOther = edited.size > 0 && !edited.has(keyOf(before));
    if (isOwn && isOther)
      throw new InputError(
        'INVALID_OPTION',
        'stdin holds one text, and the images of this index have different ones: choose one image with --platform',
      );
    stdin ??= await readStdinBytes(signal, limit);
    return stdin;
  };
  const tell = (text: string): void => output.note(text, 'error');
  return async (before) => {
    const key = keyOf(before);
    const known = edited.get(key);
    if (known !== undefined) return known;
    const after = await (process.stdin.isTTY ? inEditor(before, name, tell) : fromStdin(before));
    edited.set(key, after);
    return after;
  };
}

function keyOf(text: Uint8Array): string {
  return Buffer.from(text).toString('base64');
}

/** Lets the editor change a file of a folder that only the user can read. */
async function inEditor(before: Uint8Array, name: string, tell: (text: string) => void): Promise<Uint8Array> {
  const folder = await onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'gantry-edit-')));
  try {
    // A name in an image may be longer than a name on this disk.
    const file = join(folder, basename(name).slice(-100));
    await onDisk(file, () => writeFile(file, before, { mode: 0o600 }));
    const editor = process.env['VISUAL'] || process.env['EDITOR'] || fallback;
    const code = await runEditor(editor, file);
    const after = await onDisk(file, () => readFile(file));
    if (code === 0) return isSameText(before, after) ? before : after;
    tell(`gantry: the editor "${editor}" failed, so nothing was changed: set EDITOR to another one`);
    throw new Failed();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Editors end the last line when they save. */
function isSameText(before: Uint8Array, after: Uint8Array): boolean {
  return Buffer.concat([before, Buffer.from('\n')]).equals(after);
}

const fallback = process.platform === 'win32' ? 'notepad' : 'vi';

/** Runs the editor through a shell, since its variable may hold options. Returns its exit code. */
async function runEditor(editor: string, file: string): Promise<unknown> {
  // Stdout may be caught by a script, and stderr is the terminal then.
  const stdio = ['inherit', process.stdout.isTTY ? 'inherit' : 2, 'inherit'] as const;
  const child =
    process.platform === 'win32'
      ? spawn(`${editor} "${file}"`, { shell: true, stdio: [...stdio] })
      : spawn('/bin/sh', ['-c', `${editor} "$1"`, 'gantry', file], { stdio: [...stdio] });
  const [code]: unknown[] = await once(child, 'close');
  return code;
}
