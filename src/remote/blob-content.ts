import { bytesContent, type Content, type OpenOptions } from '../flow/content.ts';
import { inlineData } from '../flow/inline-data.ts';
import { verified } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { Download, type DownloadSource } from './download.ts';
import type { Exchange } from './exchange.ts';
import { blobOfUnknownSize, isLarge, largeBlob } from './parallel-ranges.ts';

/** Opens a blob. Verifies a whole read; a part cannot be verified. The `data` of a descriptor saves the request. */
export function openBlob(exchange: Exchange, repository: string, named: Digest | Descriptor): Content {
  const inline = typeof named === 'string' ? undefined : inlineData(named);
  if (inline !== undefined) return bytesContent(inline);
  const blob: DownloadSource['blob'] = typeof named === 'string' ? { digest: named } : named;
  const { digest, size } = blob;
  const unverified = unverifiedBlob({ exchange, repository, blob });
  return {
    ...unverified,
    unverified,
    open(part: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const { from = 0, to = size } = part;
      const bytes = unverified.open(part);
      if (from !== 0 || to !== size) return bytes;
      return verified(bytes, { ...blob, what: `blob ${digest} of ${repository}` });
    },
  };
}

function unverifiedBlob(source: DownloadSource): Content {
  const { size } = source.blob;
  return {
    size,
    replayable: true,
    remote: true,
    open({ from = 0, to, signal, onSize, offer }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const isToEnd = to === undefined || to === size;
      if (isToEnd && size !== undefined && isLarge(size - from)) {
        return largeBlob(source, size, { from, signal, offer });
      }
      if (from !== 0 || !isToEnd) return new Download(source, { from, to, signal }).bytes();
      if (size === undefined) return blobOfUnknownSize(source, { signal, onSize, offer });
      return new Download(source, { to, signal }).bytes();
    },
  };
}
