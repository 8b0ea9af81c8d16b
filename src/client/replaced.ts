import { stat } from 'node:fs/promises';
import { sameName } from '../archive/names.ts';
import { openArchive } from '../archive/read.ts';
import { isGantryError } from '../errors.ts';
import type { SignalOptions } from '../store/contract.ts';

/**
 * Describes the loss when a file is replaced: the images of an archive, or that the file was no archive. Undefined if there
 * is no file, or an archive with the same names.
 */
export async function lossAt(
  path: string,
  names: readonly string[],
  options: SignalOptions,
): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size === 0) return undefined;
  try {
    await using archive = await openArchive(path, { signal: options.signal });
    const lost = archive.entries.filter(
      (entry) => !entry.names.some((name) => names.some((written) => sameName(name, written))),
    );
    if (lost.length === 0) return undefined;
    const called = lost.map((entry) => entry.names[0] ?? entry.digest ?? 'an image without a name');
    return `this replaces the archive, which held ${called.join(', ')}: copy adds to an archive instead`;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isGantryError(error)) throw error;
    return 'this replaces a file that is not a readable archive';
  }
}
