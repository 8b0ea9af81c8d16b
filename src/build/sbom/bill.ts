import { parseUrl } from '../../spec/url.ts';
import { compareBytes } from '../../store/listing.ts';
import type { NodePackage } from '../node/dependencies.ts';
import type { NodeApp } from '../node/node-app.ts';
import type { LockedPackage, Lockfile } from './lockfile.ts';

/** A package in a bill of materials. */
export interface BilledPackage {
  /** The package URL, or for a package of the application its folder. */
  readonly ref: string;
  readonly name: string;
  readonly version: string | undefined;
  /** Absent for a package of the application, which nobody has published. */
  readonly purl?: string | undefined;
  readonly license: string | undefined;
  readonly download?: string | undefined;
  readonly hash?: BilledHash | undefined;
  /** The refs of the packages that it needs. */
  readonly needs: readonly string[];
}

/** The hash of a published archive. */
export interface BilledHash {
  readonly algorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  /** In hexadecimal digits. */
  readonly value: string;
}

/** The packages of an application, for documents of any form. */
export interface Bill {
  readonly app: BilledPackage;
  /** All others, by their refs. */
  readonly packages: readonly BilledPackage[];
}

/** The facts about a document beside the packages. The version of gantry is none, so that it does not change the document. */
export interface DocumentFacts {
  /** In the form of RFC 3339. */
  readonly created: string;
  /** The same for the same image. */
  readonly uuid: string;
}

/** Lists the packages that an image has: those in `folders` of the dependencies, and all of the application. */
export function billOf(node: NodeApp, folders: ReadonlySet<string>, lockfile: Lockfile): Bill {
  const { packages, own } = node.dependencies;
  const taken = [...own.values(), ...[...packages.values()].filter(({ path }) => folders.has(path))];
  const refs = new Map(taken.map((found) => [found.path, refOf(found, own.has(found.path))]));
  const billed = new Map<string, BilledPackage>();
  for (const found of taken) {
    const ref = refs.get(found.path) ?? '';
    const needs = found.needs.flatMap((path) => refs.get(path) ?? []);
    const known = billed.get(ref);
    // A version that is installed in several folders is one package, which may find other packages in each.
    const all = [...new Set([...(known?.needs ?? []), ...needs])].sort(compareBytes);
    const isOwn = own.has(found.path);
    billed.set(ref, { ...(known ?? billedPackage(found, ref, isOwn, lockfile)), needs: all });
  }
  const appRef = refs.get(node.app) ?? '';
  const [app, others] = [billed.get(appRef), [...billed.values()].filter(({ ref }) => ref !== appRef)];
  if (app === undefined) throw new RangeError('the application is none of its packages');
  return { app, packages: others.sort((one, other) => compareBytes(one.ref, other.ref)) };
}

function billedPackage(
  { path, manifest }: NodePackage,
  ref: string,
  isOwn: boolean,
  lockfile: Lockfile,
): BilledPackage {
  const { name = path === '' ? 'application' : path, version, license } = manifest;
  const locked = isOwn ? undefined : lockfile(path, manifest);
  return {
    ref,
    name,
    version,
    purl: isOwn ? undefined : ref,
    license,
    download: downloadOf(locked),
    hash: hashOf(locked?.integrity),
    needs: [],
  };
}

/** @see https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md */
function refOf({ path, manifest: { name = path, version } }: NodePackage, isOwn: boolean): string {
  if (isOwn) return path === '' ? 'app' : `app/${path}`;
  const words = name.split('/').map((part) => encodeURIComponent(part));
  return `pkg:npm/${words.join('/')}${version === undefined ? '' : `@${encodeURIComponent(version)}`}`;
}

/** Returns the address of the archive without credentials; undefined for a folder or a link. */
function downloadOf(locked: LockedPackage | undefined): string | undefined {
  const { resolved } = locked ?? {};
  const url = parseUrl(resolved ?? '');
  if (url === undefined) return undefined;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  return `${url.origin}${url.pathname}`;
}

/** Returns the best of the hashes in the form of Subresource Integrity. */
function hashOf(integrity: string | undefined): BilledHash | undefined {
  const found = [...(integrity ?? '').matchAll(/(?:^|\s)(sha(?:1|256|384|512))-([A-Za-z0-9+/]+={0,2})/g)];
  for (const algorithm of ['sha512', 'sha384', 'sha256', 'sha1'] as const) {
    const text = found.find(([, name]) => name === algorithm)?.[2];
    if (text !== undefined) return { algorithm, value: Buffer.from(text, 'base64').toString('hex') };
  }
  return undefined;
}
