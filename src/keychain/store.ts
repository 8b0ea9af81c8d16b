import { readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { isGantryError, StorageError } from '../errors.ts';
import { absentAs, makeFolder, onDisk, removeTemporaries } from '../files/files.ts';
import { replaceOrOverwrite } from '../files/in-place.ts';
import { type Lock, takeLock } from '../files/lock.ts';
import { checkOptions, type Shape, text } from '../spec/options.ts';
import { forgetAnswer } from './answers.ts';
import { type ConfigFileOptions, dockerConfigFile, readConfigFile } from './config-file.ts';
import type { Credential } from './credential.ts';
import { clearHelper, type HelperOptions, helperOptions, tellHelper } from './credential-helper.ts';
import { type DockerConfig, formatEntry, helperFor, keysOf } from './docker-config.ts';
import { serverKey } from './server-key.ts';

export interface StoreOptions extends ConfigFileOptions, HelperOptions {}

/** Where a credential went: into the file, or to a helper that the file names. */
export interface StoreOutcome {
  readonly path: string;
  readonly helper?: string;
}

const shape: Shape<StoreOptions> = { ...helperOptions, configFile: text };

/**
 * Logs in: keeps a registry's credential where docker would. Nobody asks the registry whether it is right.
 * Throws HELPER_FAILED, NO_PERMISSION, NO_SPACE, IO_FAILED, IN_USE, INVALID_OPTION (a file that can't be understood, a user
 * whose name has a colon).
 */
export async function storeCredential(
  registry: string,
  credential: Credential,
  options: StoreOptions = {},
): Promise<StoreOutcome> {
  checkOptions('storeCredential', options, shape);
  const path = dockerConfigFile(options);
  const config = await readConfigFile(path);
  const helper = config && helperFor(config, registry);
  if (helper !== undefined) {
    await tellHelper(helper, registry, credential, options);
    forgetAnswer(helper, registry, options);
  }
  // An empty entry beside a helper is how docker notes that it is logged in.
  const entry = helper === undefined ? formatEntry(credential) : {};
  await changeEntries(path, registry, { [serverKey(registry)]: entry }, options);
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/** Logs out: forgets a registry's credential, in the file and with its helper. Quiet when there is none. Throws as `storeCredential`. */
export async function eraseCredential(registry: string, options: StoreOptions = {}): Promise<StoreOutcome> {
  checkOptions('eraseCredential', options, shape);
  const path = dockerConfigFile(options);
  const config = await readConfigFile(path);
  if (config === undefined) return { path };
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    await clearHelper(helper, registry, options);
    forgetAnswer(helper, registry, options);
  }
  if (keysOf(config, registry).length > 0) await changeEntries(path, registry, {}, options);
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/** Milliseconds. Others of us have the file for as long as it takes to read and to write it. */
const lockWait = 10_000;

/**
 * Reads the file once more and replaces it as a whole, with the mode and owner it had; the file behind a symbolic link,
 * not the link. Of several processes that do so at once each finds what the others wrote; docker itself waits for nobody.
 * Where nothing would change nothing is written: the file may be read-only and have this very login.
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
      // What a login left that was killed has a password in it.
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
    const message = `${error.message}; the login can't be kept there: make it writable, or name another folder with DOCKER_CONFIG`;
    throw new StorageError('NO_PERMISSION', message, { path: target, cause: error });
  }
}

/** None in a folder that takes no other file: there, nobody could have one. */
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

/** The document with other entries for one registry, all else as it was. */
function withEntries(
  config: DockerConfig,
  registry: string,
  entries: Record<string, unknown>,
): Record<string, unknown> {
  const gone = new Set(keysOf(config, registry));
  const kept = Object.entries(authsOf(config)).filter(([key]) => !gone.has(key));
  return { ...config.document, auths: { ...Object.fromEntries(kept), ...entries } };
}

/** The file itself; behind a link that leads to nothing yet, where that leads. */
async function behindLinks(path: string): Promise<string> {
  const target = await realpath(path)
    .catch(() => readlink(path))
    .catch(() => path);
  return resolve(dirname(path), target);
}
