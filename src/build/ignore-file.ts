import { resolve } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { bytesOf, shownPath } from './disk.ts';
import { type IgnoreRules, parseIgnore } from './ignore.ts';

/** An ignore file that has been read. */
export interface IgnoreFile {
  /** Undefined if the folder has none. */
  readonly path: string | undefined;
  readonly rules: IgnoreRules;
}

/** In bytes. Every rule costs time for every file. */
const limit = 1024 * 1024;

/**
 * Reads the ignore file of a folder: the named one, or `.dockerignore` in the folder.
 * @throws NAME_UNKNOWN when there is no file of that name
 * @throws INVALID_OPTION for a pattern that is no pattern
 */
export function readIgnoreFile(folder: string, named: string | undefined): IgnoreFile {
  const [root, name] = named === undefined ? [folder, '.dockerignore'] : [resolve(named), ''];
  const bytes = bytesOf(root, name, limit);
  if (bytes === undefined && named !== undefined)
    throw new NotFoundError('NAME_UNKNOWN', `there is no file ${named}`);
  if (bytes === undefined) return { path: undefined, rules: [] };
  const path = shownPath(root, name);
  return { path, rules: parseIgnore(new TextDecoder().decode(bytes), path) };
}
