import type { Digest } from '../spec/digest.ts';
import { blobsOf, type Manifest } from '../spec/manifest.ts';
import { Lru } from '../store/lru.ts';

/** The sizes of blobs, by the manifests that passed through. */
export interface Sizes {
  of(repository: string, blob: Digest): number | undefined;
  see(repository: string, manifest: Manifest): void;
  forget(repository: string, blob: Digest): void;
}

/** The number of sizes to remember. */
const limit = 20_000;

export function createSizes(): Sizes {
  const sizes = new Lru<number>(limit);
  return {
    of: (repository, blob) => sizes.get(keyOf(repository, blob)),
    see(repository, { body }) {
      for (const { digest, size } of blobsOf(body)) {
        sizes.set(keyOf(repository, digest), size);
      }
    },
    forget: (repository, blob) => sizes.delete(keyOf(repository, blob)),
  };
}

function keyOf(repository: string, blob: Digest): string {
  return `${repository}@${blob}`;
}
