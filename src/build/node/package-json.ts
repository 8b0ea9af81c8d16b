import { ContentError } from '../../errors.ts';
import { bytesOf, joinedPath, shownPath } from '../disk.ts';

/** The members of a package.json that gantry reads. */
export interface PackageJson {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly license?: string | undefined;
  readonly main?: string | undefined;
  /** The start script. */
  readonly start?: string | undefined;
  /** The files of commands. */
  readonly bin: readonly string[];
  /** The range of versions of Node. */
  readonly node?: string | undefined;
  readonly dependencies: readonly string[];
  readonly optionalDependencies: readonly string[];
  readonly peerDependencies: readonly string[];
  /** The patterns of the folders of workspace packages. */
  readonly workspaces?: readonly string[] | undefined;
  /** Systems, CPUs and C libraries that the package is made for, in the words of npm; empty for all. */
  readonly os: readonly string[];
  readonly cpu: readonly string[];
  readonly libc: readonly string[];
}

/** In bytes. The largest published ones have some 200 KiB. */
const limit = 4 * 1024 * 1024;

/**
 * Reads the package.json in a folder; undefined if there is none.
 * @throws MANIFEST_INVALID when it is no JSON object
 */
export function readPackageJson(root: string, folder: string): PackageJson | undefined {
  const path = joinedPath(folder, 'package.json');
  const bytes = bytesOf(root, path, limit);
  return bytes === undefined ? undefined : parsePackageJson(bytes, shownPath(root, path));
}

function parsePackageJson(bytes: Uint8Array, what: string): PackageJson {
  const value = objectOf(bytes, what);
  const { name, version, main, scripts, bin, engines, workspaces } = value;
  return {
    name: textOf(name),
    version: textOf(version),
    license: licenseOf(value),
    main: textOf(main),
    start: textOf(memberOf(scripts, 'start')),
    bin: typeof bin === 'string' ? [bin] : textsOf(Object.values(Object(bin))),
    node: textOf(memberOf(engines, 'node')),
    dependencies: keysOf(value['dependencies']),
    optionalDependencies: keysOf(value['optionalDependencies']),
    peerDependencies: keysOf(value['peerDependencies']),
    workspaces: workspacesOf(workspaces),
    os: listOf(value['os']),
    cpu: listOf(value['cpu']),
    libc: listOf(value['libc']),
  };
}

function objectOf(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ContentError('MANIFEST_INVALID', `${what} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ContentError('MANIFEST_INVALID', `${what} is no JSON object`);
  return { ...value };
}

/** Old packages write `{ "type": "MIT" }` or a list of these. */
function licenseOf({ license, licenses }: Readonly<Record<string, unknown>>): string | undefined {
  const [first]: readonly unknown[] = Array.isArray(licenses) ? licenses : [];
  return textOf(license) ?? textOf(memberOf(license, 'type')) ?? textOf(memberOf(first, 'type'));
}

/** yarn also takes `{ "packages": [...] }`. */
function workspacesOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  return textsOf(Array.isArray(value) ? value : [memberOf(value, 'packages')].flat());
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textsOf(values: readonly unknown[]): readonly string[] {
  return values.filter((value) => typeof value === 'string');
}

/** npm takes a text in place of a list of one. */
function listOf(value: unknown): readonly string[] {
  return textsOf(Array.isArray(value) ? value : [value]);
}

function keysOf(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}
