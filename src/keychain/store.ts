import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { forgetAnswer } from './answers.ts';
import { type ConfigFileOptions, dockerConfigFile, readConfigFile, storageError } from './config-file.ts';
import type { Credential } from './credential.ts';
import { clearHelper, type HelperOptions, tellHelper } from './credential-helper.ts';
import { type DockerConfig, formatEntry, helperFor, keysOf } from './docker-config.ts';
import { serverKey } from './server-key.ts';

export interface StoreOptions extends ConfigFileOptions, HelperOptions {}

/** Where a credential went: into the file, or to a helper that the file names. */
export interface StoreOutcome {
  readonly path: string;
  readonly helper?: string;
}

/**
 * Logs in: keeps a registry's credential where docker would. Nobody asks the registry whether it is right.
 * Throws HELPER_FAILED, NO_PERMISSION, NO_SPACE, IO_FAILED, INVALID_OPTION (a file that can't be understood, a user whose name
 * has a colon).
 */
export async function storeCredential(
  registry: string,
  credential: Credential,
  options: StoreOptions = {},
): Promise<StoreOutcome> {
  const path = dockerConfigFile(options);
  const config = (await readConfigFile(path)) ?? { what: path, document: {} };
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    await tellHelper(helper, registry, credential, options);
    forgetAnswer(helper, registry, options);
  }
  // An empty entry beside a helper is how docker notes that it is logged in.
  const entry = helper === undefined ? formatEntry(credential) : {};
  await writeConfigFile(path, withAuths(config, registry, { [serverKey(registry)]: entry }));
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/** Logs out: forgets a registry's credential, in the file and with its helper. Quiet when there is none. Throws as `storeCredential`. */
export async function eraseCredential(registry: string, options: StoreOptions = {}): Promise<StoreOutcome> {
  const path = dockerConfigFile(options);
  const config = await readConfigFile(path);
  if (config === undefined) return { path };
  const helper = helperFor(config, registry);
  if (helper !== undefined) {
    await clearHelper(helper, registry, options);
    forgetAnswer(helper, registry, options);
  }
  if (keysOf(config, registry).length > 0) await writeConfigFile(path, withAuths(config, registry, {}));
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/** The document with other entries for one registry, all else as it was. */
function withAuths(
  config: DockerConfig,
  registry: string,
  entries: Record<string, unknown>,
): Record<string, unknown> {
  const { auths } = config.document;
  const gone = new Set(keysOf(config, registry));
  const kept =
    typeof auths === 'object' && auths !== null
      ? Object.entries(auths).filter(([key]) => !gone.has(key))
      : [];
  return { ...config.document, auths: { ...Object.fromEntries(kept), ...entries } };
}

/** Replaces the file as a whole, with the mode and owner it had; the file behind a symbolic link, not the link. */
async function writeConfigFile(path: string, document: Record<string, unknown>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const target = await behindLinks(path);
    const was = await stat(target).catch(() => undefined);
    await replaceFile(target, `${JSON.stringify(document, undefined, '\t')}\n`, was);
  } catch (error) {
    throw storageError(error, path, 'write');
  }
}

/** The file itself; behind a link that leads to nothing yet, where that leads. */
async function behindLinks(path: string): Promise<string> {
  const target = await realpath(path)
    .catch(() => readlink(path))
    .catch(() => path);
  return resolve(dirname(path), target);
}

async function replaceFile(path: string, text: string, was: Stats | undefined): Promise<void> {
  const mode = was === undefined ? 0o600 : was.mode & 0o777;
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      // With sudo, the user's own file must not become root's.
      if (was !== undefined && process.getuid?.() === 0) await file.chown(was.uid, was.gid);
      // The mode that `open` is given is cut by the process's umask.
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
