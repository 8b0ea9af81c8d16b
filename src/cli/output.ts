import { StorageError } from '../errors.ts';

/**
 * The only place that prints. Results go to stdout and nothing else does; everything said to a person goes to stderr.
 */
export interface Output {
  /** Columns of stderr, now, where it is a terminal that can be drawn on. */
  readonly columns: number | undefined;
  /**
   * One line, whatever is in the text: what would begin another one or control a terminal is escaped as JSON escapes it, so
   * that JSON stays what it says. Several lines are several calls.
   */
  line(text: string): Promise<void>;
  /** As it is, with no line feed added. Resolves when stdout took it, so a slow reader slows the source. */
  write(data: string | Uint8Array): Promise<void>;
  /** One line for a person, escaped like any other, and cut where it is longer than anybody reads. */
  note(text: string, style?: Style): void;
  /** One line of JSON for a program that reads stderr. */
  record(value: unknown): void;
  /** Replaces the line at the bottom of the terminal; `undefined` removes it. */
  status(text: string | undefined): void;
}

export type Style = 'error' | 'warning' | 'dim';

/** Whoever read stdout has gone (`gantry ls | head -1`): the command ends, silently. */
export class OutputClosed extends Error {}

const codes: Readonly<Record<Style, string>> = { error: '31', warning: '33', dim: '2' };
const clearLine = '\r\u001b[K';

export interface OutputOptions {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: NodeJS.ProcessEnv;
}

export function createOutput({ stdout, stderr, env }: OutputOptions): Output {
  const terminal = stderr.isTTY === true && env['TERM'] !== 'dumb';
  const coloured = terminal && (env['NO_COLOR'] ?? '') === '';
  let status: string | undefined;

  // Each write hears of its own failure; without a listener a closed pipe would end the process with a stack.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);

  const write = (data: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      stdout.write(data, (error) => (error ? reject(writeFailure(error)) : resolve()));
    });

  const draw = (text: string): void => {
    stderr.write(status === undefined ? text : `${clearLine}${text}${status}`);
  };

  return {
    get columns() {
      // Some terminals say 0.
      return terminal ? stderr.columns || 80 : undefined;
    },
    line(text) {
      // The same terminal, mostly. What was there comes again when it changes.
      if (status !== undefined) stderr.write(clearLine);
      status = undefined;
      return write(`${escapeControls(text)}\n`);
    },
    write,
    note(text, style) {
      const shown = shortened(escapeControls(text));
      const painted = style && coloured ? `\u001b[${codes[style]}m${shown}\u001b[0m` : shown;
      draw(`${painted}\n`);
    },
    record: (value) => draw(`${escapeControls(JSON.stringify(value))}\n`),
    status(text) {
      if (!terminal || text === status) return;
      stderr.write(`${clearLine}${text ?? ''}`);
      status = text;
    },
  };
}

/** What controls a terminal, ends a line, turns the direction of writing, or can't be seen. */
const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/**
 * Words of a far side, an image or a file as a part of a line: what no name should have can be seen in it, and can't move
 * the cursor, recolour the terminal or begin a line that looks like one of ours.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, (signs) =>
    signs.replace(/[\s\S]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** What a sentence may come to with the words of a far side in it: a name of a megabyte is no news. */
const longest = 4000;

/** A sentence cut where it is longer than anybody reads, with what was left out. */
export function shortened(text: string): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest)}… (${text.length - longest} characters more)`;
}

function writeFailure(error: Error): Error {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return new OutputClosed();
  return new StorageError(
    code === 'ENOSPC' ? 'NO_SPACE' : 'IO_FAILED',
    `could not write to stdout: ${code === 'ENOSPC' ? 'no space left' : error.message}`,
    { path: 'stdout', cause: error },
  );
}
