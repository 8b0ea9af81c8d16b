import { type Content, mapContent } from '../flow/content.ts';
import { createHasher } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Blobs, IngestOptions } from './contract.ts';

/** `Blobs.ingest` by way of an upload: the digest is computed as the bytes go in. A failed one is cancelled. */
export async function ingestBlob(
  blobs: Pick<Blobs, 'start'>,
  content: Content,
  options: IngestOptions = {},
): Promise<Descriptor> {
  const { mediaType, algorithm = 'sha256' } = options;
  const hasher = createHasher(algorithm);
  const hashed = mapContent(content, async function* hash(source) {
    for await (const chunk of source) {
      hasher.update(chunk);
      yield chunk;
    }
  });
  const upload = await blobs.start(options);
  try {
    await upload.append(hashed, options);
    const blob = await upload.commit(hasher.digest(), undefined, options);
    return mediaType === undefined ? blob : { ...blob, mediaType };
  } catch (error) {
    // Without the signal: an abort is when cleaning up matters most.
    await upload.cancel();
    throw error;
  }
}
