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

/** A store that is open. Disposing brings each repository's index.json up to date and lets other processes in. */
export interface DiskRegistry extends Registry, AsyncDisposable {
  /** 32 random bytes that belong to the store, the same at every start: what tokens are signed with. */
  secret(): Promise<Uint8Array>;
}

/** Settings of `openDiskRegistry`. */
export interface OpenDiskOptions extends SignalOptions {
  /** Milliseconds to wait while another process has the store open; default: don't. */
  readonly wait?: number;
  /** Milliseconds after which an upload session that nobody goes on with is forgotten. Default 24 hours. */
  readonly sessionTtl?: number;
  /** Whether a store that can't be written to is opened all the same, to be read. Nothing is locked then. Default false. */
  readonly readOnly?: boolean;
}

const day = 24 * 60 * 60 * 1000;
/** The most milliseconds between two looks for sessions to forget. */
const sweepInterval = 60 * 60 * 1000;

const shape: Shape<OpenDiskOptions> = {
  wait: amount,
  sessionTtl: amount,
  readOnly: flag,
  signal: abortSignal,
};

/** Opens the store, making it if there is none. One process at a time. Throws IN_USE, NO_PERMISSION, UNSUPPORTED; IO_FAILED for a layout. */
export async function openDiskRegistry(root: string, options: OpenDiskOptions = {}): Promise<DiskRegistry> {
  checkArgument('openDiskRegistry', 'root', root, text);
  checkOptions('openDiskRegistry', options, shape);
  options.signal?.throwIfAborted();
  const path = resolve(root);
  if (options.readOnly === true && !(await isWritable(path))) return openReadOnly(path);
  // Whatever is private in the images is not for everyone on this machine.
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
      // What can't be removed now is met again.
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

/** Nobody writes there, so nobody has to be kept out, and there is nothing to sweep. */
async function openReadOnly(path: string): Promise<DiskRegistry> {
  await mustBeStore(path);
  const files = new DurableFiles(path);
  const state = await stateOf(files, (repositories) => new IndexWriter(files, repositories));
  const registry = registryOf(state, async () => undefined);
  // Tokens are good for the life of the process where the store has no secret and can't be given one.
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
    // What is not there can perhaps be made.
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
  // Two who ask at once must not make two.
  const secrets = createSingleFlight<'secret', Uint8Array>({ keep: true });
  return {
    secret: () => secrets.run('secret', () => readSecret(state.files)),
    repository: (name) => openRepository(state, name),
    repositories: (listing) => listRepositories(state, listing),
    [Symbol.asyncDispose]: close,
  };
}

/** The store's own folder lasts, and those above it that had to be made. */
async function syncWay(path: string, made: string | undefined): Promise<void> {
  await syncFolder(path);
  if (made === undefined) return;
  for (let at = dirname(path); at.length >= dirname(made).length; at = dirname(at)) {
    // A folder of others that may be passed through but not read is theirs to sync.
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
