import { ContentError, GantryError, NotFoundError, StorageError } from '../errors.ts';

/** Runs what touches the disk; what the system says about `path` becomes NAME_UNKNOWN, NO_SPACE, NO_PERMISSION or IO_FAILED. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
}

function diskError(error: unknown, path: string): unknown {
  if (error instanceof GantryError || !(error instanceof Error) || !('syscall' in error)) return error;
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return new NotFoundError('NAME_UNKNOWN', `there is no file ${path}`, { cause: error });
    case 'ENOSPC':
    case 'EDQUOT':
      return new StorageError('NO_SPACE', `no space is left for ${path}`, { path, cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StorageError('NO_PERMISSION', `no permission for ${path}`, { path, cause: error });
    default:
      return new StorageError('IO_FAILED', `${path}: ${String(code)}`, { path, cause: error });
  }
}

/** What a parser says of bytes in the archive, with the archive's path before it. */
export function within<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new ContentError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
