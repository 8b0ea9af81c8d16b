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

/** What all repositories of one open store share. */
export interface RegistryState {
  /** The folder that the repositories' folders stand in. */
  readonly repositories: string;
  readonly files: DurableFiles;
  readonly pool: BlobPool;
  readonly sessions: UploadSessions;
  readonly cache: StoreCache;
  readonly soundness: Soundness;
  readonly indexes: IndexWriter;
  /** Of each repository: manifests are put together, and deleted alone. */
  readonly locks: Map<string, RwLock>;
  /** Of each manifest. */
  readonly turns: KeyedMutex;
  /** Of each tag. */
  readonly tagTurns: KeyedMutex;
}

export function lockOf({ locks }: RegistryState, name: string): RwLock {
  const made = locks.get(name) ?? createRwLock(strictMutex(`repository ${name}`));
  locks.set(name, made);
  return made;
}

/** The manifest with that digest, if it was put as one. Whether it is there is looked up, what it is remembered. */
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

/** What the disk says of it now, and not what is remembered; undefined also where that can't be read any more. */
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
