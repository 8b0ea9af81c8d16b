import type { WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { onDisk } from '../../files/files.ts';
import { escapeControls } from '../output.ts';

/** A log file to which lines are appended. */
export interface LogFile extends AsyncDisposable {
  /** Never waits. Drops lines that a slow disk cannot take, and reports that. */
  write(line: string): void;
  /** Continues in a new file of the same name, after the old one was moved away. */
  reopen(): Promise<void>;
}

export interface LogFileOptions {
  readonly onProblem: (error: unknown) => void;
}

/** Bytes that may wait for a disk that does not answer. */
const maxWaiting = 8 * 1024 * 1024;

/** Opens the file, or stdout for `-`. */
export async function openLogFile(path: string, { onProblem }: LogFileOptions): Promise<LogFile> {
  let troubled = false;
  // Reported once per disturbance. A full disk would otherwise fill the other output as well.
  const problem = (error: unknown): void => {
    if (!troubled) onProblem(error);
    troubled = true;
  };
  const openStream = async (): Promise<WriteStream> => {
    const stream = (await onDisk(path, () => open(path, 'a', 0o640))).createWriteStream();
    return stream.on('error', problem);
  };
  let file = path === '-' ? undefined : await openStream();
  return {
    write(line) {
      const stream = file ?? process.stdout;
      if (stream.writableLength > maxWaiting)
        problem(new Error(`the log cannot be written to ${path} any more`));
      else if (stream.writable) stream.write(`${escapeControls(line)}\n`);
    },
    async reopen() {
      if (file === undefined) return;
      const before = file;
      try {
        file = await openStream();
        troubled = false;
        before.end();
      } catch (error) {
        problem(error);
      }
    },
    async [Symbol.asyncDispose]() {
      const stream = file;
      if (stream !== undefined) await new Promise<void>((resolve) => stream.end(() => resolve()));
    },
  };
}
