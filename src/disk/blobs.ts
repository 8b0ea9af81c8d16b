import { join } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { blobFileContent, blobSize } from '../layout/blob-file.ts';
import { lookAt, makeFolder } from '../layout/files.ts';
import { FileUpload, type FileUploadOptions, ingestFile } from '../layout/upload.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Algorithm, Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Blobs } from '../store/contract.ts';
import { writeBlob } from '../store/write.ts';
import { RepositoryFolder } from './folder.ts';
import type { RegistryState } from './state.ts';

const algorithms: readonly Algorithm[] = ['sha256', 'sha512'];

export function openBlobs(registry: RegistryState, folder: RepositoryFolder): Blobs {
  const { layout } = folder;
  const find = async (digest: Digest): Promise<Descriptor | undefined> => {
    const size = await blobSize(layout, digest);
    return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
  };
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      return find(digest);
    },
    open: (blob) => blobFileContent(layout, blob),
    write: (blob, content, options) => writeBlob(blobs, blob, content, options),
    ingest: (content, options) =>
      ingestFile((algorithm) => startUpload(registry, folder, algorithm), content, options),
    async mount(digest, { from, signal } = {}) {
      signal?.throwIfAborted();
      if (from !== undefined && !isRepositoryName(from)) return undefined;
      const source =
        from === undefined ? undefined : new RepositoryFolder(registry.repositories, from).layout;
      return (await registry.pool.mount(digest, source, layout)) ? find(digest) : undefined;
    },
    async start({ algorithm = 'sha256', signal } = {}) {
      signal?.throwIfAborted();
      return startUpload(registry, folder, algorithm);
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      return resumeUpload(registry, folder, id);
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      // The bytes of a manifest go when it is deleted as one.
      if ((await folder.manifest(digest)) !== undefined) return false;
      return registry.pool.remove(digest, layout);
    },
  };
  return blobs;
}

async function startUpload(
  registry: RegistryState,
  folder: RepositoryFolder,
  algorithm: Algorithm,
): Promise<FileUpload> {
  await makeFolder(folder.uploads);
  const options = sessionOptions(registry, folder, crypto.randomUUID(), algorithm);
  const upload = await FileUpload.start(options);
  registry.uploads.set(options.path, Promise.resolve(upload));
  return upload;
}

/** All that must be known of a session after a restart is in its file's name and place. */
function sessionOptions(
  { pool, uploads }: RegistryState,
  { layout, uploads: sessions }: RepositoryFolder,
  id: string,
  algorithm: Algorithm,
): FileUploadOptions {
  const path = join(sessions, `${id}.${algorithm}`);
  return {
    id,
    path,
    algorithm,
    keep: (finished, digest) => pool.take(finished, digest, layout),
    forget: async () => void uploads.delete(path),
  };
}

async function resumeUpload(
  registry: RegistryState,
  folder: RepositoryFolder,
  id: string,
): Promise<FileUpload> {
  // The id comes from outside and becomes part of a path.
  const candidates = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? algorithms : [];
  for (const algorithm of candidates) {
    const options = sessionOptions(registry, folder, id, algorithm);
    const open = registry.uploads.get(options.path);
    if (open !== undefined) return open;
    if ((await lookAt(options.path)) === undefined) continue;
    // Somebody else may have come first while the file was looked for.
    const restored = registry.uploads.get(options.path) ?? FileUpload.restore(options);
    registry.uploads.set(options.path, restored);
    // One that could not be read is tried again by the next who asks.
    restored.catch(() => registry.uploads.delete(options.path));
    return restored;
  }
  throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `${folder.name} has no upload session of that id`);
}
