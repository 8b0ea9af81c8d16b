import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { MemoryBlob } from './blob.ts';
import type { MemoryUpload } from './upload.ts';

/** What all repositories of one registry share. */
export interface RegistryState {
  readonly repositories: Map<string, RepositoryState>;
  readonly uploads: Map<string, MemoryUpload>;
}

export interface RepositoryState {
  /** Links: the same blob object stands in every repository that it was mounted into. */
  readonly blobs: Map<Digest, MemoryBlob>;
  readonly manifests: Map<Digest, Manifest>;
  readonly tags: Map<string, Digest>;
  /** By subject, then by the referring manifest. */
  readonly referrers: Map<Digest, Map<Digest, Descriptor>>;
}

/** The repository's state to write to; reading never makes one. */
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

/** The blob in any repository. */
export function findAnywhere({ repositories }: RegistryState, digest: Digest): MemoryBlob | undefined {
  for (const { blobs } of repositories.values()) {
    const blob = blobs.get(digest);
    if (blob !== undefined) return blob;
  }
  return undefined;
}
