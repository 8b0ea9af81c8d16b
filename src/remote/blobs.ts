import type { Blobs } from '../store/contract.ts';
import { openBlob } from './blob-content.ts';
import { type Exchange, isDeleted, performBodiless } from './exchange.ts';
import { statBlob } from './stat.ts';
import type { UploadOptions } from './upload/plan.ts';

// Loaded with the first upload, since a program that only reads does not need it.
const sending = () => import('./upload/write-blob.ts');

export function remoteBlobs(exchange: Exchange, repository: string, upload: UploadOptions): Blobs {
  const uploading = { exchange, repository, options: upload };
  return {
    stat: (digest, options) => statBlob(exchange, repository, digest, options),

    open: (blob) => openBlob(exchange, repository, blob),

    write: async (blob, content, options) => (await sending()).writeBlob(uploading, blob, content, options),

    writeInPool: async (blob, content, pool, options) =>
      (await sending()).writeBlob(uploading, blob, content, { ...options, pool }),

    ingest: async (content, options) =>
      (await import('./upload/ingest-content.ts')).ingestContent(uploading, content, options),

    async mount(digest, { from, ...options } = {}) {
      const { mountBlob } = await import('./upload/mount.ts');
      const outcome = await mountBlob(exchange, repository, { digest, from }, options);
      if (outcome === 'mounted') return statBlob(exchange, repository, digest, options);
      await outcome?.cancel();
      return undefined;
    },

    start: async (options) =>
      (await import('./upload/start-upload.ts')).startUpload(exchange, repository, options),

    resume: async (id, options) =>
      (await import('./upload/session.ts')).resumeUpload(exchange, repository, id, options),

    async delete(digest, options) {
      const operation = { kind: 'blob.delete', repository, digest } as const;
      exchange.capabilities.recentWrites.forget(repository, digest);
      const { response } = await performBodiless(exchange, operation, [200, 202, 204, 404], options);
      return isDeleted(response);
    },
  };
}
