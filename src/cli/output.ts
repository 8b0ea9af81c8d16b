import { StorageError } from '../errors.ts';

/**
 * The only place that prints. Results go to stdout and nothing else does; everything said to a person goes to stderr.
 */
export interface Output {
  /** Columns of stderr, now, where it is a terminal that can be drawn on. */
  readonly columns: number | undefined;
  /** A line, or several; what would control a terminal is escaped as JSON escapes it, so JSON stays what it says. */
  line(text: string): Promise<void>;
  /** As it is, with no line feed added. Resolves when stdout took it, so a slow reader slows the source. */
  write(data: string | Uint8Array): Promise<void>;
  /** One line for a person. */
  note(text: string, style?: Style): void;
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
    line: (text) => write(`${text.split('\n').map(escapeControls).join('\n')}\n`),
    write,
    note(text, style) {
      const shown = printable(text);
      const painted = style && coloured ? `\u001b[${codes[style]}m${shown}\u001b[0m` : shown;
      draw(`${painted}\n`);
    },
    status(text) {
      if (!terminal || text === status) return;
      stderr.write(`${clearLine}${text ?? ''}`);
      status = text;
    },
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out.
const controls = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A far side's words can't move the cursor, recolour the terminal or fake a second line. */
function printable(text: string): string {
  return text.replace(controls, ' ');
}

/** A far side's name as a part of a line: what no name should have can be seen in it. */
export function escapeControls(text: string): string {
  return text.replace(controls, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
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
