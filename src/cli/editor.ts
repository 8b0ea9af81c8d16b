import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { InputError } from '../errors.ts';
import { onDisk } from '../files/files.ts';
import type { Context } from './context.ts';
import { chosenEditor, runEditor } from './editor-program.ts';
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
 * Lets the user edit texts while `use` runs: in the editor of $VISUAL or $EDITOR on a terminal. Otherwise stdin is the new content.
 * Equal texts are edited once. If `use` fails, the texts from the editor stay on disk, and a remark names their files.
 */
export async function withEditor<T>(
  { output, signal }: Context,
  { name, limit, isOwn }: EditorOptions,
  use: (edit: Edit) => Promise<T>,
): Promise<T> {
  const tell = (text: string): void => output.note(text, 'error');
  const drafts: Draft[] = [];
  const read = process.stdin.isTTY
    ? (before: Uint8Array) => inEditor(before, name, { drafts, tell })
    : stdinText(isOwn, () => readStdinBytes(signal, limit));
  const edited = new Map<string, Uint8Array>();
  const edit: Edit = async (before) => {
    const key = Buffer.from(before).toString('base64');
    const after = edited.get(key) ?? (await read(before));
    edited.set(key, after);
    return after;
  };
  try {
    const result = await use(edit);
    for (const draft of drafts) draft.isKept = false;
    return result;
  } finally {
    for (const { file, folder, isKept } of drafts) {
      if (isKept) tell(`gantry: the edited text is kept in ${file}`);
      else await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Returns the text of stdin as the new content. A text that fits one other only is refused for the next one. */
function stdinText(isOwn: boolean, read: () => Promise<Uint8Array>): Edit {
  let stdin: Uint8Array | undefined;
  return async () => {
    if (isOwn && stdin !== undefined)
      throw new InputError(
        'INVALID_OPTION',
        'stdin holds one text, and the images of this index have different ones: choose one image with --platform',
      );
    stdin ??= await read();
    return stdin;
  };
}

/** A file that the editor has opened, in a folder that only the user can read. */
interface Draft {
  readonly folder: string;
  readonly file: string;
  /** Whether it has a text of the user that is nowhere else. */
  isKept: boolean;
}

interface Editing {
  readonly drafts: Draft[];
  readonly tell: (text: string) => void;
}

async function inEditor(before: Uint8Array, name: string, { drafts, tell }: Editing): Promise<Uint8Array> {
  const folder = await onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'gantry-edit-')));
  // A name in an image may be longer than a name on this disk.
  const file = join(folder, basename(name).slice(-100));
  const draft: Draft = { folder, file, isKept: false };
  drafts.push(draft);
  await onDisk(file, () => writeFile(file, before, { mode: 0o600 }));
  const editor = chosenEditor();
  const code = await runEditor(editor, file);
  const after = await onDisk(file, () => readFile(file));
  draft.isKept = !isSameText(before, after);
  if (code === 0) return draft.isKept ? after : before;
  tell(`gantry: the editor "${editor}" failed, so nothing was changed: set EDITOR to another one`);
  throw new Failed();
}

/** Editors end the last line when they save. */
function isSameText(before: Uint8Array, after: Uint8Array): boolean {
  return [before, Buffer.concat([before, Buffer.from('\n')])].some(
    (text) => Buffer.compare(text, after) === 0,
  );
}
