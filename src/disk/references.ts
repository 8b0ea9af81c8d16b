import { NotFoundError, StorageError } from '../errors.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { checkDigest } from '../flow/verify.ts';
import { manifestLimit } from '../json/manifest.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { References } from '../store/reachability.ts';
import type { RepositoryFolder } from './folder.ts';

/**
 * Shows the references in the files of a repository, at the cost of one small file for each. Unlike the contract, it tells a
 * damaged manifest from an absent one.
 */
export function referencesOf(folder: RepositoryFolder): References {
  return {
    name: folder.name,
    tags: {
      async *list() {
        yield* await folder.tags();
      },
    },
    manifests: {
      async resolve(tag) {
        const digest = await folder.tag(tag);
        return digest === undefined ? undefined : { digest };
      },
      get: (digest) => readManifestFile(folder, digest),
    },
    async *referrers(subject) {
      for (const digest of await folder.referrers(subject)) yield { digest };
    },
  };
}

async function readManifestFile(
  folder: RepositoryFolder,
  digest: Digest,
): Promise<{ readonly bytes: Uint8Array }> {
  const path = folder.blobPath(digest);
  const what = `manifest ${digest}`;
  const bytes = await readSmall(path, manifestLimit);
  if (bytes !== undefined) {
    checkDigest(digestOf(bytes, computableAlgorithm(digest)), digest, what);
    return { bytes };
  }
  if (await folder.hasManifest(digest))
    throw new StorageError('IO_FAILED', `${what}: its bytes are missing`, { path });
  throw new NotFoundError('MANIFEST_UNKNOWN', `${folder.name} has no ${what}`);
}
