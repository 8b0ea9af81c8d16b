import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';

/** Where an OCI layout keeps a blob or a manifest. */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestEncoded(digest)}`;
}
