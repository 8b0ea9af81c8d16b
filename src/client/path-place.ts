import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { NotFoundError, StorageError } from '../errors.ts';
import { systemCode, systemFailure } from '../files/files.ts';

/** An archive or a layout, as a path alone tells it. */
interface PathPlace {
  readonly kind: 'oci' | 'docker-archive';
  readonly path: string;
}

/** Texts that no reference begins or ends with. */
const surePath = /^(?:\.{1,2}(?:[\\/]|$)|[\\/]|[A-Za-z]:[\\/])|[\\/]$/;
/** True for a text that can only be a path, such as `./app` and `/srv/app`. */
export function isSurePath(text: string): boolean {
  return surePath.test(text);
}

/** The ends of archives. A reference may end like that, too. */
const archiveEnd = /\.(?:tar|tgz|tar\.(?:gz|zst|xz|bz2))$/i;

/**
 * Returns the archive or layout at a path; undefined if the text is rather a reference. This is the only rule about plain paths
 * beside references: `./app` and `/srv/app` are paths always, and `app.tar` is one if the file exists.
 * @throws NAME_UNKNOWN when there is no file or layout at a text that can only be a path
 */
export function placeAtPath(text: string): PathPlace | undefined {
  if (isSurePath(text)) {
    const place = existingPath(text, `; a new one needs its kind: oci:${text}, oci-archive:${text}`);
    if (place.kind !== 'oci' || isLayout(text)) return place;
    // A copy to such a folder would fill it with the files of a new layout.
    throw new NotFoundError(
      'NAME_UNKNOWN',
      `the folder ${text} holds no OCI layout; to write one there, name it oci:${text}`,
    );
  }
  if (!archiveEnd.test(text)) return undefined;
  return lookUp(text)?.isFile() === true ? { kind: 'docker-archive', path: text } : undefined;
}

/**
 * Returns the place of a path: a folder is a layout, a file an archive of either form. `advice` ends the message.
 * @throws NAME_UNKNOWN when there is no such file or folder
 */
export function existingPath(path: string, advice = ''): PathPlace {
  const found = lookUp(path);
  if (found !== undefined) return { kind: found.isDirectory() ? 'oci' : 'docker-archive', path };
  const colon = path.lastIndexOf(':');
  const file = colon > 0 ? lookUp(path.slice(0, colon)) : undefined;
  const prefix = file?.isDirectory() ? 'oci' : 'docker-archive';
  const next = file === undefined ? advice : `; to name an image in it write ${prefix}:${path}`;
  throw new NotFoundError('NAME_UNKNOWN', `there is no file or folder ${path}${next}`);
}

function isLayout(folder: string): boolean {
  return ['oci-layout', 'index.json'].some((name) => lookUp(join(folder, name)) !== undefined);
}

/** Returns undefined when nothing exists at the path. Synchronous, because it decides about the meaning of a text. */
function lookUp(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === undefined) return undefined;
    const [kind, said] = systemFailure(code) ?? ['IO_FAILED', `the disk said ${code}`];
    throw new StorageError(kind, `${path}: ${said}`, { path, cause: error });
  }
}
