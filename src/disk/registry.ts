import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError, isGantryError } from '../errors.ts';
import { makeFolder, onDisk, removeTemporaries, syncFolder, systemCode } from '../files/files.ts';
import { type Lock, takeLock } from '../files/lock.ts';
import { createKeyedMutex, strictMutex } from '../flow/mutex.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import {
  signal as abortSignal,
  amount,
  checkArgument,
  checkOptions,
  flag,
  type Shape,
  text,
} from '../spec/options.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { ListOptions, Registry, Repository, SignalOptions } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { openBlobs } from './blobs.ts';
import { StoreCache } from './cache.ts';
import { DurableFiles } from './durable.ts';
import { namesUnder, RepositoryFolder } from './folder.ts';
import { IndexWriter } from './index-writer.ts';
import { openManifests, openReferrers } from './manifests.ts';
import { BlobPool } from './pool.ts';
import { readSecret } from './secret.ts';
import { UploadSessions } from './sessions.ts';
import { Soundness } from './soundness.ts';
import type { RegistryState } from './state.ts';
import { openTags } from './tags.ts';
import { markStore, mustBeStore, refuseLayout } from './version.ts';

/** An open store. Disposing it brings the index.json of each repository up to date and lets other processes in. */
export interface DiskRegistry extends Registry, AsyncDisposable {
  /** Returns the 32 random bytes of the store that tokens are signed with, the same at every start. */
  secret(): Promise<Uint8Array>;
}

/** Settings of `openDiskRegistry`. */
export interface OpenDiskOptions extends SignalOptions {
  /**
   * Milliseconds to wait while another process has the store open.
   * @defaultValue no wait
   */
  readonly wait?: number | undefined;
  /**
   * Milliseconds after its last use until an upload session is removed.
   * @defaultValue 24 hours
   */
  readonly sessionTtl?: number | undefined;
  /**
   * Opens a store on a read-only disk for reading, without a lock.
   * @defaultValue false
   */
  readonly readOnly?: boolean | undefined;
}

const day = 24 * 60 * 60 * 1000;
/** The most milliseconds between two sweeps of upload sessions. */
const sweepInterval = 60 * 60 * 1000;

const shape: Shape<OpenDiskOptions> = {
  wait: amount,
  sessionTtl: amount,
  readOnly: flag,
  signal: abortSignal,
};

/**
 * Opens the store, and creates it if it does not exist. One process at a time.
 * @throws IN_USE while another process has the store open
 * @throws NO_PERMISSION, NO_SPACE, IO_FAILED as the disk reports, and IO_FAILED for an OCI layout
 * @throws UNSUPPORTED for a store of another version
 */
export async function openDiskRegistry(root: string, options: OpenDiskOptions = {}): Promise<DiskRegistry> {
  checkArgument('openDiskRegistry', 'root', root, text);
  checkOptions('openDiskRegistry', options, shape);
  options.signal?.throwIfAborted();
  const path = resolve(root);
  if (options.readOnly === true && !(await isWritable(path))) return openReadOnly(path);
  // Other users of this machine must not read private images.
  const made = await makeFolder(path, 0o700);
  await refuseLayout(path);
  const lock = await takeLock(join(path, '.gantry.lock'), { ...options, what: path });
  try {
    await removeTemporaries(path);
    await markStore(path);
    await syncWay(path, made);
    const state = await openState(path, lock);
    const { sessionTtl = day } = options;
    await state.sessions.sweep(sessionTtl);
    const sweeping = setInterval(
      // The next sweep tries again to remove the rest.
      () => void state.sessions.sweep(sessionTtl).catch(() => undefined),
      Math.min(Math.max(sessionTtl, 1000), sweepInterval),
    ).unref();
    return registryOf(state, async () => {
      clearInterval(sweeping);
      await state.soundness.close();
      await state.indexes.close().finally(() => lock[Symbol.asyncDispose]());
    });
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens the store without a lock, since this process cannot write there. */
async function openReadOnly(path: string): Promise<DiskRegistry> {
  await mustBeStore(path);
  const files = new DurableFiles(path);
  const state = await stateOf(files, (repositories) => new IndexWriter(files, repositories));
  const registry = registryOf(state, async () => undefined);
  // Without a readable secret, tokens are valid for the life of the process.
  const own = crypto.getRandomValues(new Uint8Array(32));
  const secret = (): Promise<Uint8Array> =>
    registry.secret().catch((error: unknown) => {
      if (isGantryError(error, 'NO_PERMISSION')) return own;
      throw error;
    });
  return { ...registry, secret };
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK);
    return true;
  } catch (error) {
    // A missing folder can perhaps be created.
    return systemCode(error) === 'ENOENT';
  }
}

async function openState(path: string, lock: Lock): Promise<RegistryState> {
  const files = await DurableFiles.open(path, lock);
  return stateOf(files, (repositories) => IndexWriter.open(files, repositories));
}

async function stateOf(
  files: DurableFiles,
  openIndexes: (repositories: string) => IndexWriter | Promise<IndexWriter>,
): Promise<RegistryState> {
  const repositories = join(files.root, 'repositories');
  const cache = new StoreCache();
  const soundness = await Soundness.open(files);
  const pool = new BlobPool(files, soundness);
  return {
    repositories,
    files,
    cache,
    soundness,
    pool,
    sessions: new UploadSessions(files, pool, cache),
    indexes: await openIndexes(repositories),
    locks: new Map(),
    turns: createKeyedMutex(strictMutex('a manifest')),
    tagTurns: createKeyedMutex(strictMutex('a tag')),
  };
}

function registryOf(state: RegistryState, close: () => Promise<void>): DiskRegistry {
  // Two concurrent calls must not make two secrets.
  const secrets = createSingleFlight<'secret', Uint8Array>({ keep: true });
  return {
    secret: () => secrets.run('secret', () => readSecret(state.files)),
    repository: (name) => openRepository(state, name),
    repositories: (listing) => listRepositories(state, listing),
    [Symbol.asyncDispose]: close,
  };
}

/** Syncs the store's own folder, and the parents that were created for it. */
async function syncWay(path: string, made: string | undefined): Promise<void> {
  await syncFolder(path);
  if (made === undefined) return;
  for (let at = dirname(path); at.length >= dirname(made).length; at = dirname(at)) {
    // A folder of another user may allow the passage and forbid reading. Its owner syncs it.
    await onDisk(at, () => syncFolder(at)).catch(passOver);
    if (at === dirname(at)) return;
  }
}

function openRepository(state: RegistryState, name: string): Repository {
  if (!isRepositoryName(name)) {
    throw new InputError('NAME_INVALID', `"${name.slice(0, 300)}" is not a repository name`);
  }
  const folder = new RepositoryFolder(state.repositories, name);
  const blobs = openBlobs(state, folder);
  return {
    name,
    blobs,
    manifests: openManifests(state, folder),
    tags: openTags(state, folder),
    referrers: openReferrers(state, folder),
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function* listRepositories(
  { repositories }: RegistryState,
  { after, signal }: ListOptions = {},
): AsyncIterable<string> {
  signal?.throwIfAborted();
  const names: string[] = [];
  for await (const name of namesUnder(repositories)) {
    signal?.throwIfAborted();
    if (await new RepositoryFolder(repositories, name).holdsSomething()) names.push(name);
  }
  yield* listed(names, after);
}

function passOver(error: unknown): void {
  if (!isGantryError(error, 'NO_PERMISSION')) throw error;
}
