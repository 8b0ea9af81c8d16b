import type { UploadKey } from '../store/upload-journal.ts';

/** Returns the name of an upload for users: the repository with its registry, and the digest of the blob. */
export function uploadName({ place, repository, digest }: UploadKey): string {
  return `${place.replace(/^https?:\/\//, '')}/${repository}@${digest}`;
}
