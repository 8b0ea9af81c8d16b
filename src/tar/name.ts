import { ContentError } from '../errors.ts';

/**
 * Normalises a relative name: removes `.`, empty parts and a final slash. The root is `.`. `where` names the tar in the
 * error.
 * @throws MANIFEST_INVALID for an absolute name and for one with `..`
 */
export function safeName(name: string, where: string): string {
  if (!isSafeName(name)) throw outside(name, where);
  return joined(name.split('/'));
}

/** True if `safeName` accepts the name. */
export function isSafeName(name: string): boolean {
  return isRelative(name) && !name.split('/').includes('..');
}

/**
 * Returns the target of the symbolic link at `name` as a safe name.
 * @throws MANIFEST_INVALID when the target lies outside
 */
export function resolveLink(name: string, linkname: string, where: string): string {
  const parts = safeName(name, where).split('/').slice(0, -1);
  if (!isRelative(linkname)) throw outside(`${name} -> ${linkname}`, where);
  for (const part of linkname.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw outside(`${name} -> ${linkname}`, where);
  }
  return joined(parts);
}

function isRelative(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.includes('\0');
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '' && part !== '.').join('/') || '.';
}

function outside(what: string, where: string): ContentError {
  const clipped = what.length > 200 ? `${what.slice(0, 200)}…` : what;
  return new ContentError('MANIFEST_INVALID', `${where}: the name "${clipped}" leads out of the archive`);
}
