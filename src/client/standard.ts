import type { ArchiveRepository, OpenArchiveOptions } from '../archive/read.ts';
import type { CreateArchiveOptions } from '../archive/write.ts';
import { InputError } from '../errors.ts';
import type { WorkLedger } from '../flow/work.ts';
import type { Repository } from '../store/contract.ts';

/** The streams behind `-` as the path of an archive. */
export interface StandardStreams {
  /** Called when `-` is opened as a source. Resolves with its bytes, or with the path of the file behind it. */
  input(): Promise<AsyncIterable<Uint8Array> | string>;
  /** Called when `-` is opened as a destination. Resolves with a function that takes bytes and resolves when they are written. */
  output(): Promise<(bytes: Uint8Array) => Promise<void>>;
}

/** Other paths of the standard streams. If the other end is a socket, the system cannot open them. */
const inputs: ReadonlySet<string> = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);
const outputs: ReadonlySet<string> = new Set(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']);

interface Standard {
  readonly standard: StandardStreams | undefined;
}

/**
 * Opens an archive in a file or, for `-`, from the standard input.
 * @throws INVALID_OPTION when the client has no standard input
 */
export async function openArchiveAt(
  { standard }: Standard,
  path: string,
  options: OpenArchiveOptions,
  works: WorkLedger,
): Promise<ArchiveRepository> {
  const { openArchiveCounted } = await import('../archive/read.ts');
  if (!inputs.has(path) || (standard === undefined && path !== '-'))
    return openArchiveCounted(path, options, works);
  const input = await standardInput({ standard });
  return typeof input === 'string'
    ? openArchiveCounted(input, options, works)
    : openArchiveCounted('stdin', { ...options, input }, works);
}

/**
 * Opens the standard input.
 * @throws INVALID_OPTION when the client has none
 */
export async function standardInput({ standard }: Standard): Promise<AsyncIterable<Uint8Array> | string> {
  if (standard === undefined) throw missing('input');
  return standard.input();
}

/**
 * Creates an archive that becomes a file or, for `-`, goes to the standard output.
 * @throws INVALID_OPTION when the client has no standard output
 */
export async function createArchiveAt(
  { standard }: Standard,
  path: string,
  options: CreateArchiveOptions,
  works: WorkLedger,
): Promise<Repository> {
  const { createArchiveCounted } = await import('../archive/write.ts');
  if (!outputs.has(path) || (standard === undefined && path !== '-'))
    return createArchiveCounted(path, options, works);
  if (standard === undefined) throw missing('output');
  return createArchiveCounted('stdout', { ...options, output: await standard.output() }, works);
}

export function isStandard(path: string): boolean {
  return path === '-';
}

/** Returns whether this path is the standard output, so that an archive there replaces no file. */
export function isStandardOutput(path: string): boolean {
  return outputs.has(path);
}

function missing(side: 'input' | 'output'): InputError {
  return new InputError(
    'INVALID_OPTION',
    `"-" is the standard ${side}, and this client has none: pass it to createClient as "standard"; a file of that name is "./-"`,
  );
}
