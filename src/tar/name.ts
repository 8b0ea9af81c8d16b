import { ContentError } from '../errors.ts';

/**
 * A relative name without `.`, empty parts or a slash at its end; `.` for the root.
 * Throws MANIFEST_INVALID for a name that is absolute or has `..` in it; `where` is what that calls the tar.
 */
export function safeName(name: string, where: string): string {
  if (!isSafeName(name)) throw outside(name, where);
  return joined(name.split('/'));
}

/** Whether `safeName` takes the name. */
export function isSafeName(name: string): boolean {
  return isRelative(name) && !name.split('/').includes('..');
}

/** Where a symbolic link that stands at `name` leads, as a safe name. Throws MANIFEST_INVALID when that is outside. */
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
  return new ContentError('MANIFEST_INVALID', `${where}: "${clipped}" leads out of it`);
}
