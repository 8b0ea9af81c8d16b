import { ContentError } from '../../errors.ts';
import { bytesOf, shownPath } from '../disk.ts';
import type { PackageJson } from '../node/package-json.ts';
import { readYaml } from '../yaml.ts';

/** The facts of a lockfile about a package. */
export interface LockedPackage {
  /** Hashes of the published archive, as in Subresource Integrity. */
  readonly integrity?: string | undefined;
  /** The address of the archive. */
  readonly resolved?: string | undefined;
}

/** Looks a package up in a lockfile. */
export type Lockfile = (path: string, manifest: PackageJson) => LockedPackage | undefined;

/** In bytes. Those of the largest workspaces have some 10 MiB. */
const limit = 64 * 1024 * 1024;

/**
 * Reads the lockfile of npm or pnpm in a folder. Without one, nothing is known about any package.
 * @throws MANIFEST_INVALID when it is malformed
 */
export async function readLockfile(root: string): Promise<Lockfile> {
  for (const [name, read] of [
    ['package-lock.json', npmLockfile],
    ['npm-shrinkwrap.json', npmLockfile],
    ['pnpm-lock.yaml', pnpmLockfile],
  ] as const) {
    const bytes = bytesOf(root, name, limit);
    if (bytes !== undefined) return read(new TextDecoder().decode(bytes), shownPath(root, name));
  }
  return () => undefined;
}

/** Versions 2 and 3 of npm's lockfile name each package by its folder. */
async function npmLockfile(text: string, what: string): Promise<Lockfile> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ContentError('MANIFEST_INVALID', `${what} is not JSON`, { cause });
  }
  const packages = memberOf(value, 'packages');
  return (path) => {
    const entry = memberOf(packages, path);
    if (entry === undefined) return undefined;
    return { integrity: textOf(memberOf(entry, 'integrity')), resolved: textOf(memberOf(entry, 'resolved')) };
  };
}

/** pnpm names a package by its name and version, before version 9 with a slash at the front. */
async function pnpmLockfile(text: string, what: string): Promise<Lockfile> {
  const packages = memberOf(await readYaml(text, what), 'packages');
  const known = new Map<string, LockedPackage>();
  for (const [key, entry] of Object.entries(Object(packages))) {
    const resolution = memberOf(entry, 'resolution');
    const [name = ''] = key.replace(/^\//, '').split('(');
    const integrity = textOf(memberOf(resolution, 'integrity'));
    if (!known.has(name)) known.set(name, { integrity, resolved: textOf(memberOf(resolution, 'tarball')) });
  }
  return (_, { name = '', version = '' }) =>
    known.get(`${name}@${version}`) ?? known.get(`${name}/${version}`);
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
