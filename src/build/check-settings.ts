import { InputError } from '../errors.ts';
import { parsePort } from '../image/edit/port.ts';
import { checkTime } from '../spec/rfc3339.ts';
import type { BuildSettings } from './options.ts';

/**
 * Checks values that their types do not.
 * @throws INVALID_OPTION
 */
export function checkBuildSettings({ created, exposedPorts, workingDir, layers }: BuildSettings): void {
  if (created !== undefined) checkTime(created);
  for (const port of exposedPorts ?? []) parsePort(port);
  if (workingDir !== undefined) imagePath(workingDir);
  for (const { from, to } of layers ?? []) {
    if (from === '') throw new InputError('INVALID_OPTION', 'a layer needs the path of a file or a folder');
    if (to !== undefined) imagePath(to);
  }
}

/**
 * Returns an absolute path in an image as a name in a tar, without a slash at the front; '' for the root.
 * @throws INVALID_OPTION for a relative path, and for one with `..`
 */
export function imagePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') && !parts.includes('..') && !path.includes('\0')) return parts.join('/');
  throw new InputError(
    'INVALID_OPTION',
    `"${path.slice(0, 200)}" is no absolute path in an image, such as /app`,
  );
}
