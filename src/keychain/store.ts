import { readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { isGantryError, StorageError } from '../errors.ts';
import { absentAs, makeFolder, onDisk, removeTemporaries } from '../files/files.ts';
import { replaceOrOverwrite } from '../files/in-place.ts';
import { type Lock, takeLock } from '../files/lock.ts';
import { checkArgument, checkOptions, type Shape, text } from '../spec/options.ts';
import { processAnswers } from './answers.ts';
import { type ConfigFileOptions, dockerConfigFile, readConfigFile } from './config-file.ts';
import { aCredential, type Credential } from './credential.ts';
import { clearHelper, type HelperOptions, helperOptions, tellHelper } from './credential-helper.ts';
import { type DockerConfig, formatEntry, helperFor, keysOf } from './docker-config.ts';
import { serverKey } from './server-key.ts';

/** Options of `storeCredential` and `eraseCredential`. */
export interface StoreOptions extends ConfigFileOptions, HelperOptions {}

/** The place of a stored credential: the file, or a helper that the file names. */
export interface StoreOutcome {
  /** The credential file. */
  readonly path: string;
  /** The helper that stores the credential, if any. */
  readonly helper?: string;
}

const shape: Shape<StoreOptions> = { ...helperOptions, configFile: text };

/**
 * Logs in: stores the credential of a registry where docker would store it. Does not check the credential with the
 * registry.
 * @throws HELPER_FAILED, NO_PERMISSION, NO_SPACE, IO_FAILED, IN_USE, or INVALID_OPTION (a file that cannot be parsed, a
 * user name with a colon)
 */
export async function storeCredential(
  registry: string,
  credential: Credential,
  options: StoreOptions = {},
): Promise<StoreOutcome> {
  checkArgument('storeCredential', 'registry', registry, text);
  checkArgument('storeCredential', 'credential', credential, aCredential);
  checkOptions('storeCredential', options, shape);
  const path = dockerConfigFile(options);
  const config = await readConfigFile(path);
  const helper = config && helperFor(config, registry);
  if (helper !== undefined) {
    await tellHelper(helper, registry, credential, options);
    processAnswers.forget(helper, registry, options);
  }
  // Docker marks a login that a helper stores with an empty entry.
  const entry = helper === undefined ? formatEntry(credential) : {};
  await changeEntries(path, registry, { [serverKey(registry)]: entry }, options);
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/**
 * Logs out: deletes the credential of a registry, from the file and from its helper. Succeeds when there is none.
 * @throws HELPER_FAILED, NO_PERMISSION, NO_SPACE, IO_FAILED, IN_USE, or INVALID_OPTION (a file that cannot be parsed)
 */
export async function eraseCredential(registry: string, options: StoreOptions = {}): Promise<StoreOutcome> {
  checkArgument('eraseCredential', 'registry', registry, text);
  checkOptions('eraseCredential', options, shape);
  const path = dockerConfigFile(options);
  const config = await readConfigFile(path);
  if (config === undefined) return { path };
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    await clearHelper(helper, registry, options);
    processAnswers.forget(helper, registry, options);
  }
  if (keysOf(config, registry).length > 0) await changeEntries(path, registry, {}, options);
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/** Milliseconds. Another gantry process holds the lock only for reading and writing the file once. */
const lockWait = 10_000;

/**
 * Reads the file again and replaces it as a whole, with its mode and owner. Follows a symbolic link and replaces the
 * file behind it. Concurrent gantry processes keep each other's changes; docker itself uses no lock. Writes nothing
 * when nothing would change, so a read-only file with the same login is accepted.
 */
async function changeEntries(
  path: string,
  registry: string,
  entries: Record<string, unknown>,
  { signal }: StoreOptions,
): Promise<void> {
  const target = await behindLinks(path);
  const there = await readConfigFile(target);
  if (there !== undefined && hasEntries(there, registry, entries)) return;
  try {
    await makeFolder(dirname(path), 0o700);
    const lock = await lockFor(target, path, signal);
    try {
      // The temporary file of a killed login contains a password.
      if (lock !== undefined) await removeTemporaries(dirname(target), basename(target));
      const config = (await readConfigFile(target)) ?? { what: path, document: {} };
      const text = `${JSON.stringify(withEntries(config, registry, entries), undefined, '\t')}\n`;
      const like = await onDisk(target, () => absentAs(undefined, stat(target)));
      await replaceOrOverwrite(target, new TextEncoder().encode(text), { mode: 0o600, like });
    } finally {
      await lock?.[Symbol.asyncDispose]();
    }
  } catch (error) {
    if (!isGantryError(error, 'NO_PERMISSION')) throw error;
    const message = `${error.message}; gantry cannot store the login: make the file writable, or set DOCKER_CONFIG to another folder`;
    throw new StorageError('NO_PERMISSION', message, { path: target, cause: error });
  }
}

/** Returns undefined in a folder that accepts no new files: no other process can have a lock there, either. */
async function lockFor(
  target: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Lock | undefined> {
  try {
    return await takeLock(`${target}.lock`, { wait: lockWait, signal, what: path });
  } catch (error) {
    if (isGantryError(error, 'NO_PERMISSION')) return undefined;
    throw error;
  }
}

function hasEntries(config: DockerConfig, registry: string, entries: Record<string, unknown>): boolean {
  const keys = keysOf(config, registry);
  const there = new Map(Object.entries(authsOf(config)));
  return (
    keys.length === Object.keys(entries).length &&
    keys.every((key) => key in entries && JSON.stringify(there.get(key)) === JSON.stringify(entries[key]))
  );
}

function authsOf({ document: { auths } }: DockerConfig): object {
  return typeof auths === 'object' && auths !== null ? auths : {};
}

/** Returns the document with new entries for one registry and everything else unchanged. */
function withEntries(
  config: DockerConfig,
  registry: string,
  entries: Record<string, unknown>,
): Record<string, unknown> {
  const gone = new Set(keysOf(config, registry));
  const kept = Object.entries(authsOf(config)).filter(([key]) => !gone.has(key));
  return { ...config.document, auths: { ...Object.fromEntries(kept), ...entries } };
}

/** Returns the file itself. For a link without a target, returns the path that the link names. */
async function behindLinks(path: string): Promise<string> {
  const target = await realpath(path)
    .catch(() => readlink(path))
    .catch(() => path);
  return resolve(dirname(path), target);
}
