import type { ArchiveRepository, OpenArchiveOptions } from '../archive/read.ts';
import type { CreateArchiveOptions } from '../archive/write.ts';
import { InputError } from '../errors.ts';
import type { Repository } from '../store/contract.ts';

/** What `-` stands for where a path of an archive is meant. */
export interface StandardStreams {
  /** Called when `-` is opened as a source. Answers its bytes, or the path of the file that is behind it. */
  input(): Promise<AsyncIterable<Uint8Array> | string>;
  /** Called when `-` is opened as a destination. Answers a function that takes bytes, and settles when they are gone. */
  output(): Promise<(bytes: Uint8Array) => Promise<void>>;
}

/** The paths that other tools are given for it; where the other end is a socket, the system opens none of them. */
const inputs: ReadonlySet<string> = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);
const outputs: ReadonlySet<string> = new Set(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']);

interface Standard {
  readonly standard: StandardStreams | undefined;
}

/** An archive in a file or, for `-`, from the standard input. Throws INVALID_OPTION where there is none. */
export async function openArchiveAt(
  { standard }: Standard,
  path: string,
  options: OpenArchiveOptions,
): Promise<ArchiveRepository> {
  const { openArchive } = await import('../archive/read.ts');
  if (!inputs.has(path) || (standard === undefined && path !== '-')) return openArchive(path, options);
  if (standard === undefined) throw missing('input');
  const input = await standard.input();
  return typeof input === 'string'
    ? openArchive(input, options)
    : openArchive('stdin', { ...options, input });
}

/** An archive that becomes a file or, for `-`, goes to the standard output. Throws INVALID_OPTION where there is none. */
export async function createArchiveAt(
  { standard }: Standard,
  path: string,
  options: CreateArchiveOptions,
): Promise<Repository> {
  const { createArchive } = await import('../archive/write.ts');
  if (!outputs.has(path) || (standard === undefined && path !== '-')) return createArchive(path, options);
  if (standard === undefined) throw missing('output');
  return createArchive('stdout', { ...options, output: await standard.output() });
}

export function isStandard(path: string): boolean {
  return path === '-';
}

/** Whether an archive that goes to this path goes to the standard output, and replaces no file. */
export function isStandardOutput(path: string): boolean {
  return outputs.has(path);
}

function missing(side: 'input' | 'output'): InputError {
  return new InputError(
    'INVALID_OPTION',
    `"-" is the standard ${side}, and this client was given none: createClient takes it as "standard"; a file of that name is "./-"`,
  );
}
