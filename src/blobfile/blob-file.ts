import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isUnreadable, lookAt, onDisk, openRegular } from '../files/files.ts';
import { readUpTo } from '../files/read-small.ts';
import type { Content } from '../flow/content.ts';
import { createHasher } from '../flow/hash.ts';
import { isSpoilt, verified } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { foundContent } from '../store/found-content.ts';
import { shortPart } from './buffers.ts';
import { type FileResources, processFiles } from './resources.ts';

/** Returns the path of a blob in a layout. A digest contains no character with a meaning in paths. */
export function blobPath(folder: string, digest: Digest): string {
  return join(folder, 'blobs', digestAlgorithm(digest), digestEncoded(digest));
}

/** Returns the size of the blob in bytes, or undefined when it does not exist. */
export async function blobSize(folder: string, digest: Digest): Promise<number | undefined> {
  const seen = await lookAt(blobPath(folder, digest));
  return seen?.isFile() ? seen.size : undefined;
}

export interface BlobFileOptions {
  /** Returns whether the blob counts as deleted although its file exists. */
  readonly gone?: ((digest: Digest) => boolean) | undefined;
  /** Remembers the files that were right when they were read; these are not hashed again. */
  readonly witness?: Witness | undefined;
}

/** Remembers the results of reading blob files. */
export interface Witness {
  trusts(digest: Digest, file: Stats): boolean;
  sawRight(digest: Digest, file: Stats): void;
  sawWrong(digest: Digest, file: Stats): void;
}

/**
 * Returns the bytes of the blob. A read of the whole blob is verified against the digest, and against the size if it is
 * known.
 */
export function blobFileContent(
  folder: string,
  blob: Digest | Descriptor,
  options: BlobFileOptions = {},
): Content {
  const unverified = fileContent(folder, blob, { ...options, checks: false });
  return { ...fileContent(folder, blob, { ...options, checks: true }), unverified };
}

function fileContent(
  folder: string,
  blob: Digest | Descriptor,
  { gone = () => false, witness, checks }: BlobFileOptions & { readonly checks: boolean },
): Content {
  return foundContent('the disk', blob, async (digest) => {
    const path = blobPath(folder, digest);
    const opened = gone(digest) ? undefined : await openRegular(path);
    if (opened === undefined) return undefined;
    const { file, stats } = opened;
    const { size } = stats;
    return {
      size,
      open({ from = 0, to = size, signal }) {
        const chunks = fileChunks(file, path, { from, to: Math.min(to, size), signal });
        const whole = from === 0 && to >= size;
        return checks && whole && witness?.trusts(digest, stats) !== true
          ? witnessed(chunks, digest, stats, witness)
          : chunks;
      },
      close: () => file.close(),
    };
  });
}

async function* witnessed(
  chunks: AsyncIterable<Uint8Array>,
  digest: Digest,
  stats: Stats,
  witness: Witness | undefined,
): AsyncIterable<Uint8Array> {
  try {
    yield* verified(chunks, { digest, size: stats.size, what: `blob ${digest}` });
    witness?.sawRight(digest, stats);
  } catch (error) {
    // A file that the disk cannot read is as damaged as a file with wrong bytes.
    if (isSpoilt(error) || isUnreadable(error)) witness?.sawWrong(digest, stats);
    throw error;
  }
}

export interface HashFileOptions extends SignalOptions {
  /** Called as the reading makes progress. */
  readonly onChunk?: (() => void) | undefined;
}

/** Returns the digest and the length of a file. */
export async function hashFile(
  path: string,
  algorithm: Algorithm,
  { signal, onChunk }: HashFileOptions = {},
): Promise<{ readonly hasher: ReturnType<typeof createHasher>; readonly size: number }> {
  const hasher = createHasher(algorithm);
  signal?.throwIfAborted();
  // Most files are small.
  const whole = await readUpTo(path, shortPart);
  if (whole === undefined) return { hasher, size: 0 };
  if (whole.bytes !== undefined) {
    hasher.update(whole.bytes);
    onChunk?.();
    return { hasher, size: whole.bytes.byteLength };
  }
  const opened = await openRegular(path);
  let size = 0;
  if (opened === undefined) return { hasher, size };
  const { file, stats } = opened;
  try {
    for await (const chunk of fileChunks(file, path, { from: 0, to: stats.size, signal })) {
      hasher.update(chunk);
      size += chunk.byteLength;
      onChunk?.();
    }
  } finally {
    await file.close();
  }
  return { hasher, size };
}

interface FilePart {
  readonly from: number;
  readonly to: number;
  readonly signal: AbortSignal | undefined;
}

/** Yields the file in chunks that share one buffer. */
export async function* fileChunks(
  file: FileHandle,
  path: string,
  { from, to, signal }: FilePart,
  { buffers }: Pick<FileResources, 'buffers'> = processFiles,
): AsyncIterable<Uint8Array> {
  const short = to - from <= shortPart;
  const buffer = short ? Buffer.alloc(Math.max(0, to - from)) : buffers.take('own');
  // Not after a break: a socket may still be sending from the buffer, and the next reader's bytes must not reach that
  // client.
  let reusable = false;
  try {
    let at = from;
    while (at < to) {
      signal?.throwIfAborted();
      const length = Math.min(buffer.byteLength, to - at);
      const { bytesRead } = await onDisk(path, () => file.read(buffer, 0, length, at));
      // The file has become shorter since it was opened. The verification will report it.
      if (bytesRead === 0) break;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    reusable = true;
  } finally {
    if (!short) buffers.giveBack(buffer, { reusable });
  }
}
