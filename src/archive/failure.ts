import { ContentError, NotFoundError, StorageError } from '../errors.ts';
import { onDisk, systemCode } from '../files/files.ts';

/** As `onDisk` of files/, but a missing file is NAME_UNKNOWN: users name archives as they name registries. */
export async function onArchiveFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await onDisk(path, work);
  } catch (error) {
    if (!(error instanceof StorageError) || systemCode(error.cause) !== 'ENOENT') throw error;
    throw new NotFoundError('NAME_UNKNOWN', `there is no file ${path}`, { cause: error.cause });
  }
}

/** Runs a parser and puts the archive's path before its error. */
export function inArchive<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new ContentError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
