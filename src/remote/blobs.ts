import type { Content } from '../flow/content.ts';
import type { Blobs } from '../store/contract.ts';
import { openBlob } from './download.ts';
import { type Exchange, performBodiless } from './exchange.ts';
import { statBlob } from './stat.ts';
import { ingestContent, startUpload, writeBlob } from './upload/ladder.ts';
import { mountBlob } from './upload/mount.ts';
import type { UploadOptions } from './upload/plan.ts';
import { resumeUpload } from './upload/session.ts';

export function remoteBlobs(exchange: Exchange, repository: string, upload: UploadOptions): Blobs {
  const uploading = { exchange, repository, options: upload };
  return {
    stat: (digest, options) => statBlob(exchange, repository, digest, options),

    open(blob): Content {
      return openBlob(exchange, repository, typeof blob === 'string' ? { digest: blob } : blob);
    },

    write: (blob, content, options) => writeBlob(uploading, blob, content, options),

    ingest: (content, options) => ingestContent(uploading, content, options),

    async mount(digest, { from, ...options } = {}) {
      const outcome = await mountBlob(
        exchange,
        repository,
        { digest, ...(from === undefined ? {} : { from }) },
        options,
      );
      if (outcome === 'mounted') return statBlob(exchange, repository, digest, options);
      await outcome?.cancel();
      return undefined;
    },

    start: (options) => startUpload(exchange, repository, options),

    resume: (id, options) => resumeUpload(exchange, repository, id, options),

    async delete(digest, options) {
      const operation = { kind: 'blob.delete', repository, digest } as const;
      const { response } = await performBodiless(exchange, operation, [200, 202, 204, 404], options);
      return response.status !== 404;
    },
  };
}
