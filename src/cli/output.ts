import { StorageError } from '../errors.ts';
import { systemCode, systemFailure } from '../files/files.ts';

/** The only place that prints. Stdout gets results and nothing else; stderr gets all messages for people. */
export interface Output {
  /** The current width of stderr; undefined if it is no terminal that can be drawn on. */
  readonly columns: number | undefined;
  /**
   * Prints one line. Escapes characters that would start another line or control a terminal, in the form of JSON, so
   * that JSON keeps its meaning. Call it several times for several lines.
   */
  line(text: string): Promise<void>;
  /**
   * Writes data unchanged, without a line feed. Resolves when stdout has taken it, so a slow reader slows the source.
   */
  write(data: string | Uint8Array): Promise<void>;
  /** Prints one line for people, escaped and cut to a readable length. */
  note(text: string, style?: Style): void;
  /** Prints one line of JSON for a program that reads stderr. */
  record(value: unknown): void;
  /** Replaces the line at the bottom of the terminal; `undefined` removes it. */
  status(text: string | undefined): void;
}

export type Style = 'error' | 'warning' | 'dim';

/** The reader of stdout has closed it (`gantry ls | head -1`). The command ends silently. */
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

  // Each write reports its own failure. Without this listener a closed pipe would end the process with a stack trace.
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
      // Some terminals report 0.
      return terminal ? stderr.columns || 80 : undefined;
    },
    line(text) {
      // Stdout is mostly the same terminal, so the status line is removed. It returns when it changes.
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

/**
 * Characters that control a terminal, end a line, change the direction of text, or are invisible; and lone surrogates, which
 * no encoding has: they stand for bytes of file names that are no UTF-8.
 */
const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Escapes the words of a registry, an image or a file for a line of output. Forbidden characters become visible, and
 * cannot move the cursor, recolour the terminal or begin a line that looks like gantry's own.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, (signs) =>
    signs.replace(/[\s\S]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** In characters. The words of a registry could make a message as long as a megabyte. */
const longest = 4000;

/** Cuts a message to a readable length and tells the number of characters left out. */
export function shortened(text: string): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest)}… (${text.length - longest} characters more)`;
}

/** Returns the error for a failed write to stdout. */
export function writeFailure(error: Error): Error {
  const code = systemCode(error);
  if (code === 'EPIPE' || ('code' in error && error.code === 'ERR_STREAM_DESTROYED'))
    return new OutputClosed();
  const [kind, reason] = systemFailure(code ?? '') ?? ['IO_FAILED', error.message];
  return new StorageError(kind, `could not write the result to stdout: ${reason}`, {
    path: 'stdout',
    cause: error,
  });
}
