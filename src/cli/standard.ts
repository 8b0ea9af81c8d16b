import { fstatSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { StandardStreams } from '../client/standard.ts';
import { InputError, StorageError } from '../errors.ts';
import { type Output, OutputClosed } from './output.ts';
import type { ParsedArgs } from './parsed-args.ts';

export interface StandardOptions {
  readonly globals: ParsedArgs;
  readonly given: ParsedArgs;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Implements `-` on a command line: stdin and stdout of this process. */
export function standardStreams(options: StandardOptions): StandardStreams {
  return {
    async input() {
      refuseInput(options);
      return (await isFreshFile()) ? stdinFile : stdinBytes(options.signal);
    },
    async output() {
      refuseOutput(options);
      return async (bytes) => {
        try {
          await options.output.write(bytes);
        } catch (error) {
          throw error instanceof OutputClosed ? readerGone(error) : error;
        }
      };
    },
  };
}

const stdinFile = '/dev/stdin';

/**
 * True if stdin is a file at its beginning. It can then be read in any order and needs no copy. Counts as a pipe on a
 * system that does not report the position.
 */
async function isFreshFile(): Promise<boolean> {
  const found = await stat(stdinFile).catch(() => undefined);
  if (found?.isFile() !== true) return false;
  const info = await readFile('/proc/self/fdinfo/0', 'latin1').catch(() => '');
  return /^pos:\s+0$/m.test(info);
}

function refuseInput({ globals, given }: StandardOptions): void {
  if (process.stdin.isTTY) {
    throw refused(
      'stdin is a terminal, and "-" reads an archive from it: docker save IMAGE | gantry push - REF',
    );
  }
  const password = ['password-stdin', 'src-password-stdin', 'dest-password-stdin'];
  const taken = password.find((name) => globals.flag(name) || given.flag(name));
  if (taken !== undefined)
    throw refused(`stdin can't hold both an archive ("-") and the password of --${taken}`);
}

function refuseOutput({ globals }: StandardOptions): void {
  if (process.stdout.isTTY) {
    throw refused('stdout is a terminal, and "-" writes an archive to it: gantry pull IMAGE - | docker load');
  }
  if (globals.flag('json'))
    throw refused('stdout can\'t hold both an archive ("-") and the result of --json');
}

function refused(message: string): InputError {
  return new InputError('INVALID_OPTION', message);
}

/** Unlike the end of a listing, a truncated archive must not go unnoticed. */
function readerGone(cause: Error): StorageError {
  return new StorageError(
    'IO_FAILED',
    'the program that reads stdout has ended before the whole archive was written (EPIPE)',
    { path: 'stdout', cause },
  );
}

/** Bun reads a file from its beginning, even if the shell has read some of it. */
function stdinChunks(): AsyncIterable<unknown> {
  const isBunFile = process.versions['bun'] !== undefined && fstatSync(0).isFile();
  return isBunFile ? Readable.from(readOn(0)) : process.stdin;
}

const fileStep = 256 * 1024;

/** Reads a file from the position that the system keeps for it. */
function* readOn(fd: number): Iterable<Buffer> {
  for (;;) {
    const buffer = Buffer.alloc(fileStep);
    const length = readSync(fd, buffer, 0, fileStep, null);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

async function* stdinBytes(signal: AbortSignal): AsyncIterable<Uint8Array> {
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stdinChunks())
      yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function stop(): void {
  process.stdin.destroy(new Error('interrupted'));
}
