import type { Digest } from '../../spec/digest.ts';
import { blobsOf, type Manifest } from '../../spec/manifest.ts';

/** How large blobs are by the manifests that were handed on. */
export interface Sizes {
  of(repository: string, blob: Digest): number | undefined;
  see(repository: string, manifest: Manifest): void;
  forget(repository: string, blob: Digest): void;
}

/** More are not remembered; the oldest go first. */
const limit = 20_000;

export function createSizes(): Sizes {
  const sizes = new Map<string, number>();
  return {
    of: (repository, blob) => sizes.get(keyOf(repository, blob)),
    see(repository, { body }) {
      for (const { digest, size } of blobsOf(body)) {
        const key = keyOf(repository, digest);
        // Taken out first, so that it stands last.
        sizes.delete(key);
        sizes.set(key, size);
        const [oldest] = sizes.keys();
        if (sizes.size > limit && oldest !== undefined) sizes.delete(oldest);
      }
    },
    forget: (repository, blob) => void sizes.delete(keyOf(repository, blob)),
  };
}

function keyOf(repository: string, blob: Digest): string {
  return `${repository}@${blob}`;
}
