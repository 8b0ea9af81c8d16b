import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError, UnsupportedError } from '../errors.ts';
import { absentAs, makeFolder, onDisk, readSmall, replaceFile } from '../layout/files.ts';
import { takeLock } from '../layout/lock.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { ListOptions, Registry, Repository, SignalOptions } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { openBlobs } from './blobs.ts';
import { RepositoryFolder } from './folder.ts';
import { openManifests, openReferrers, openTags } from './manifests.ts';
import { componentOf } from './names.ts';
import { BlobPool } from './pool.ts';
import { readSecret } from './secret.ts';
import { StaleLayouts } from './stale.ts';
import type { RegistryState } from './state.ts';

/** A store that is open. Disposing brings each repository's index.json up to date and lets other processes in. */
export interface DiskRegistry extends Registry, AsyncDisposable {
  /** 32 random bytes that belong to the store, the same at every start: what tokens are signed with. */
  secret(): Promise<Uint8Array>;
}

export interface OpenDiskOptions extends SignalOptions {
  /** Milliseconds to wait while another process has the store open; default: don't. */
  readonly wait?: number;
}

/** What the folders mean; a store that was written otherwise is not touched. */
const version = 'gantry store 1\n';

/** Opens the store, making it if there is none. One process at a time. Throws IN_USE, NO_PERMISSION, UNSUPPORTED. */
export async function openDiskRegistry(root: string, options: OpenDiskOptions = {}): Promise<DiskRegistry> {
  options.signal?.throwIfAborted();
  const path = resolve(root);
  // Whatever is private in the images is not for everyone on this machine.
  await makeFolder(path, 0o700);
  const lock = await takeLock(join(path, '.gantry.lock'), { ...options, what: path });
  try {
    await checkVersion(join(path, 'gantry-store'));
    const repositories = join(path, 'repositories');
    const state: RegistryState = {
      repositories,
      pool: new BlobPool(path),
      uploads: new Map(),
      stale: await StaleLayouts.open(join(path, 'stale'), repositories),
      turns: new Map(),
    };
    let secret: Promise<Uint8Array> | undefined;
    return {
      secret() {
        // Two who ask at once must not make two.
        secret ??= readSecret(join(path, 'secret'));
        return secret;
      },
      repository: (name) => openRepository(state, name),
      repositories: (listing) => listRepositories(state, listing),
      async [Symbol.asyncDispose]() {
        await state.stale.refresh().finally(() => lock[Symbol.asyncDispose]());
      },
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function checkVersion(path: string): Promise<void> {
  const bytes = await readSmall(path, 1024);
  if (bytes === undefined) return replaceFile(path, new TextEncoder().encode(version));
  if (new TextDecoder().decode(bytes) !== version) {
    throw new UnsupportedError('open', `${path}: this store was written by another version of gantry`);
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
    manifests: openManifests(state, folder, blobs),
    tags: openTags(state, folder),
    referrers: openReferrers(folder),
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

/** Every name that the folders spell, whether anything was kept under it or not. */
async function* namesUnder(folder: string, prefix = ''): AsyncIterable<string> {
  const entries = await onDisk(folder, () => absentAs([], readdir(folder, { withFileTypes: true })));
  for (const entry of entries) {
    const component = entry.isDirectory() ? componentOf(entry.name) : undefined;
    if (component === undefined) continue;
    const name = `${prefix}${component}`;
    yield name;
    yield* namesUnder(join(folder, entry.name), `${name}/`);
  }
}
