import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { MemoryBlob } from './blob.ts';
import type { MemoryUpload } from './upload.ts';

/** The state that all repositories of one registry share. */
export interface RegistryState {
  readonly repositories: Map<string, RepositoryState>;
  readonly uploads: Map<string, MemoryUpload>;
}

export interface RepositoryState {
  /** Several repositories share the blob object of a mount. */
  readonly blobs: Map<Digest, MemoryBlob>;
  readonly manifests: Map<Digest, Manifest>;
  readonly tags: Map<string, Digest>;
  /** Maps a subject to its referrers, by their digests. */
  readonly referrers: Map<Digest, Map<Digest, Descriptor>>;
}

/** Returns the state of a repository for a write, and creates it if needed. A reading never creates one. */
export function repositoryState({ repositories }: RegistryState, name: string): RepositoryState {
  const there = repositories.get(name);
  if (there !== undefined) return there;
  const made: RepositoryState = {
    blobs: new Map(),
    manifests: new Map(),
    tags: new Map(),
    referrers: new Map(),
  };
  repositories.set(name, made);
  return made;
}

export function holdsSomething({ blobs, manifests }: RepositoryState): boolean {
  return blobs.size > 0 || manifests.size > 0;
}

/** Finds a blob in any repository. */
export function findAnywhere({ repositories }: RegistryState, digest: Digest): MemoryBlob | undefined {
  for (const { blobs } of repositories.values()) {
    const blob = blobs.get(digest);
    if (blob !== undefined) return blob;
  }
  return undefined;
}
