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

/**
 * Yields the file in chunks. While the reader uses one, reads the next one into a second buffer, unless memory is scarce: a
 * socket must not wait for the disk, nor the disk for a socket.
 */
export async function* fileChunks(
  file: FileHandle,
  path: string,
  { from, to, signal }: FilePart,
  { buffers }: Pick<FileResources, 'buffers'> = processFiles,
): AsyncIterable<Uint8Array> {
  const short = to - from <= shortPart;
  const taken = short ? [] : [buffers.take('own')];
  let current = taken[0] ?? Buffer.alloc(Math.max(0, to - from));
  let other: Buffer | undefined;
  let ahead: Promise<number> | undefined;
  // Not after a break: a socket may still be sending from a buffer, and the next reader's bytes must not reach that
  // client.
  let reusable = false;
  const read = async (into: Buffer, at: number): Promise<number> => {
    const length = Math.min(into.byteLength, to - at);
    return (await onDisk(path, () => file.read(into, 0, length, at))).bytesRead;
  };
  try {
    for (let at = from; at < to; ) {
      signal?.throwIfAborted();
      const bytesRead = await (ahead ?? read(current, at));
      // The file has become shorter since it was opened. The verification will report it.
      if (bytesRead === 0) break;
      at += bytesRead;
      const chunk = current.subarray(0, bytesRead);
      ahead = undefined;
      if (at < to && other === undefined && !buffers.areScarce()) {
        other = buffers.take('own');
        taken.push(other);
      }
      if (at < to && other !== undefined) {
        [current, other] = [other, current];
        ahead = read(current, at);
        // The reader gets the failure when it asks for these bytes.
        ahead.catch(() => undefined);
      }
      yield chunk;
    }
    reusable = true;
  } finally {
    // The disk may still be reading into a buffer.
    await ahead?.catch(() => undefined);
    for (const buffer of taken) buffers.giveBack(buffer, { reusable });
  }
}
