import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';

/** Returns the name of a blob or a manifest in the tar of an OCI layout. */
export function blobMember(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestEncoded(digest)}`;
}
