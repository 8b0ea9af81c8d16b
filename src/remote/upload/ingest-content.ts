import type { Content } from '../../flow/content.ts';
import { profileOf } from '../../hosts/profiles.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { IngestOptions } from '../../store/contract.ts';
import { statBlob } from '../stat.ts';
import { planStreamChunks } from './plan.ts';
import { commitHeaders, startUpload } from './start-upload.ts';
import { sendStream } from './stream.ts';
import type { Uploading } from './write-blob.ts';

/** Sends content without a digest, and computes the digest on the way, in one pass. */
export async function ingestContent(
  { exchange, repository, options: upload }: Uploading,
  content: Content,
  options: IngestOptions = {},
): Promise<Descriptor> {
  const { algorithm, mediaType, onProgress, signal } = options;
  const profile = profileOf(exchange.registry);
  const blob = await sendStream(
    {
      content,
      algorithm: algorithm ?? 'sha256',
      bandwidth: exchange.bandwidth,
      start: () => startUpload(exchange, repository, options),
      find: (digest) => statBlob(exchange, repository, digest, { signal }),
      chunk: ({ limits }) => planStreamChunks(limits, profile, upload),
      headers: commitHeaders(upload, mediaType),
    },
    { retry: upload.retry, onProgress, signal },
    exchange.resources.streams,
  );
  exchange.capabilities.holders.note(blob.digest, repository);
  return mediaType === undefined ? blob : { ...blob, mediaType };
}
