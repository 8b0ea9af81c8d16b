import { ContentError, NotFoundError, StorageError } from '../errors.ts';
import { onDisk, systemCode } from '../files/files.ts';

/** As for every file, but one that is not there is NAME_UNKNOWN: an archive is named by its user as registries are. */
export async function onArchiveFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await onDisk(path, work);
  } catch (error) {
    if (!(error instanceof StorageError) || systemCode(error.cause) !== 'ENOENT') throw error;
    throw new NotFoundError('NAME_UNKNOWN', `there is no file ${path}`, { cause: error.cause });
  }
}

/** What a parser says of bytes in the archive, with the archive's path before it. */
export function inArchive<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new ContentError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
