import { isUnreadable } from '../files/files.ts';
import { type KeyedMutex, strictMutex } from '../flow/mutex.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { StoreCache } from './cache.ts';
import type { DurableFiles } from './durable.ts';
import type { RepositoryFolder } from './folder.ts';
import type { IndexWriter } from './index-writer.ts';
import type { BlobPool } from './pool.ts';
import { createRwLock, type RwLock } from './rw-lock.ts';
import type { UploadSessions } from './sessions.ts';
import type { Soundness } from './soundness.ts';

/** The state that all repositories of one open store share. */
export interface RegistryState {
  /** The parent of all repository folders. */
  readonly repositories: string;
  readonly files: DurableFiles;
  readonly pool: BlobPool;
  readonly sessions: UploadSessions;
  readonly cache: StoreCache;
  readonly soundness: Soundness;
  readonly indexes: IndexWriter;
  /** One for each repository: puts of manifests share it, and a deletion holds it alone. */
  readonly locks: Map<string, RwLock>;
  /** One turn for each manifest. */
  readonly turns: KeyedMutex;
  /** One turn for each tag. */
  readonly tagTurns: KeyedMutex;
}

export function lockOf({ locks }: RegistryState, name: string): RwLock {
  const made = locks.get(name) ?? createRwLock(strictMutex(`repository ${name}`));
  locks.set(name, made);
  return made;
}

/**
 * Returns the descriptor of the manifest; undefined for content that was not put as one. Remembers the descriptor,
 * and looks for the manifest each time.
 */
export async function describeManifest(
  { cache }: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const path = folder.manifestPath(digest);
  const known = cache.descriptors.get(path);
  if (known !== undefined) return (await folder.hasManifest(digest)) ? known : undefined;
  const found = await folder.manifest(digest);
  if (found !== undefined) cache.descriptors.set(path, found);
  return found;
}

/** Returns the descriptor from the disk and not from memory; undefined also if it cannot be read. */
export async function describeOnDisk(
  registry: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Descriptor | undefined> {
  registry.cache.descriptors.delete(folder.manifestPath(digest));
  try {
    return await describeManifest(registry, folder, digest);
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}
