import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';

/** Where an OCI layout keeps a blob or a manifest. */
export function blobMember(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestEncoded(digest)}`;
}
