import { ContentError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm } from '../spec/digest.ts';
import type { Blobs, WriteOptions, WriteOutcome } from './contract.ts';
import { abandon } from './ingest.ts';

/**
 * `Blobs.write` for a place where every step is cheap: is it there, can it be mounted, else upload it.
 * An upload that fails is cancelled, so nothing of it stays.
 */
export async function writeBlob(
  blobs: Pick<Blobs, 'stat' | 'mount' | 'start'>,
  blob: Descriptor,
  content: Content,
  options: WriteOptions = {},
): Promise<WriteOutcome> {
  const found = options.replace === true ? undefined : await findBlob(blobs, blob, options);
  if (found !== undefined) return found;
  const send = () => uploadBlob(blobs, blob, content, options);
  await (options.pool === undefined ? send() : options.pool.run(send, { ...options, size: blob.size }));
  return 'uploaded';
}

async function findBlob(
  blobs: Pick<Blobs, 'stat' | 'mount'>,
  blob: Descriptor,
  options: WriteOptions,
): Promise<'existed' | 'mounted' | undefined> {
  const there = await blobs.stat(blob.digest, options);
  if (there !== undefined) {
    checkSize(blob, there.size);
    return 'existed';
  }
  for (const from of options.mountFrom ?? []) {
    const mounted = await blobs.mount(blob.digest, { ...options, from });
    if (mounted === undefined) continue;
    checkSize(blob, mounted.size);
    return 'mounted';
  }
  return undefined;
}

async function uploadBlob(
  blobs: Pick<Blobs, 'start'>,
  blob: Descriptor,
  content: Content,
  options: WriteOptions,
): Promise<void> {
  const upload = await blobs.start({ ...options, algorithm: computableAlgorithm(blob.digest) });
  try {
    // The place hashes what it keeps: once is enough.
    await upload.commit(blob.digest, sized(content.unchecked ?? content, blob), options);
  } catch (error) {
    await abandon(upload);
    throw error;
  }
}

/** Fails when the bytes are more or fewer than the descriptor says: at the first one too many, not at the end. */
function sized(content: Content, blob: Descriptor): Content {
  return mapContent(content, async function* measure(source) {
    let length = 0;
    for await (const chunk of source) {
      length += chunk.byteLength;
      if (length > blob.size) checkSize(blob, length);
      yield chunk;
    }
    checkSize(blob, length);
  });
}

/** Throws SIZE_INVALID. */
function checkSize({ digest, size }: Descriptor, actual: number): void {
  if (actual === size) return;
  throw new ContentError(
    'SIZE_INVALID',
    `blob ${digest}: ${actual} bytes, not the ${size} that were announced`,
    {
      expected: size,
      actual,
    },
  );
}
