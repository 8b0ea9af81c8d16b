import type { Content } from '../flow/content.ts';
import type { Blobs } from '../store/contract.ts';
import { ingestBlob } from '../store/ingest.ts';
import { openBlob } from './download.ts';
import { type Exchange, performBodiless } from './exchange.ts';
import { statBlob } from './stat.ts';
import { startUpload, writeBlob } from './upload/ladder.ts';
import { mountBlob } from './upload/mount.ts';
import { resumeUpload } from './upload/session.ts';

export function remoteBlobs(exchange: Exchange, repository: string): Blobs {
  const blobs: Blobs = {
    stat: (digest, options) => statBlob(exchange, repository, digest, options),

    open(blob): Content {
      return openBlob(exchange, repository, typeof blob === 'string' ? { digest: blob } : blob);
    },

    write: (blob, content, options) => writeBlob(exchange, repository, blob, content, options),

    ingest: (content, options) => ingestBlob(blobs, content, options),

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
  return blobs;
}
