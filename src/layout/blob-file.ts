import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentError, NotFoundError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { createHasher } from '../flow/hash.ts';
import { verified } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';
import { lookAt, onDisk, openRegular } from './files.ts';

/** Fewer, larger reads: 1 MiB is where more stops helping. */
const step = 1024 * 1024;

/** Where a layout keeps a blob. A digest's grammar has no character that a path could mind. */
export function blobPath(folder: string, digest: Digest): string {
  return join(folder, 'blobs', digestAlgorithm(digest), digestEncoded(digest));
}

/** Bytes of the blob, if it is there. */
export async function blobSize(folder: string, digest: Digest): Promise<number | undefined> {
  const seen = await lookAt(blobPath(folder, digest));
  return seen?.isFile() ? seen.size : undefined;
}

/** The blob's bytes; a whole read is verified against the digest, and the size wherever it is known. */
export function blobFileContent(
  folder: string,
  blob: Digest | Descriptor,
  gone: (digest: Digest) => boolean = () => false,
): Content {
  const { digest, size }: Pick<Descriptor, 'digest'> & Partial<Descriptor> =
    typeof blob === 'string' ? { digest: blob } : blob;
  const path = blobPath(folder, digest);
  return {
    ...(size === undefined ? {} : { size }),
    replayable: true,
    async *open({ from = 0, to, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      signal?.throwIfAborted();
      const file = gone(digest) ? undefined : await openRegular(path);
      if (file === undefined) throw new NotFoundError('BLOB_UNKNOWN', `there is no blob ${digest}`);
      try {
        const actual = (await onDisk(path, () => file.stat())).size;
        if (size !== undefined && size !== actual) throw wrongSize(digest, size, actual);
        const whole = from === 0 && (to === undefined || to >= actual);
        const chunks = fileChunks(file, path, { from, to: Math.min(to ?? actual, actual), signal });
        yield* whole ? verified(chunks, { digest, size: actual, what: `blob ${digest}` }) : chunks;
      } finally {
        await file.close();
      }
    },
  };
}

function wrongSize(digest: Digest, expected: number, actual: number): ContentError {
  return new ContentError('SIZE_INVALID', `blob ${digest}: ${actual} bytes, not ${expected}`, {
    expected,
    actual,
  });
}

/** The digest and length of what stands in a file. */
export async function hashFile(
  path: string,
  algorithm: Algorithm,
): Promise<{ readonly hasher: ReturnType<typeof createHasher>; readonly size: number }> {
  const hasher = createHasher(algorithm);
  const file = await openRegular(path);
  let size = 0;
  if (file === undefined) return { hasher, size };
  try {
    const end = (await onDisk(path, () => file.stat())).size;
    for await (const chunk of fileChunks(file, path, { from: 0, to: end, signal: undefined })) {
      hasher.update(chunk);
      size += chunk.byteLength;
    }
  } finally {
    await file.close();
  }
  return { hasher, size };
}

/** All chunks stand in one buffer. */
export async function* fileChunks(
  file: FileHandle,
  path: string,
  {
    from,
    to,
    signal,
  }: { readonly from: number; readonly to: number; readonly signal: AbortSignal | undefined },
): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(Math.max(0, Math.min(step, to - from)));
  let at = from;
  while (at < to) {
    signal?.throwIfAborted();
    const { bytesRead } = await onDisk(path, () => file.read(buffer, 0, Math.min(step, to - at), at));
    // Shorter than it was a moment ago: the verification will say so.
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
