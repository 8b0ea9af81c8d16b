import { isGantryError } from '../errors.ts';
import { drain } from '../flow/collect.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import type { Content } from '../flow/content.ts';
import { counted } from '../flow/count.ts';
import type { WorkPart, WorkSum } from '../flow/work.ts';
import { type Descriptor, openable } from '../spec/descriptor.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/** Settings of a validation. */
export interface ValidateImageOptions extends SignalOptions {
  /** Checks only that all content exists, without reading it. */
  readonly fast?: boolean | undefined;
  /** The limits of a layer's decompression. A layer beyond them is a problem. */
  readonly unpack?: UnpackLimits | undefined;
  /** Counts the reading of configs and layers; with `fast` nothing is read. */
  readonly work?: WorkSum | undefined;
}

/** A fault of one blob or manifest, in a sentence. */
export interface Problem {
  readonly descriptor: Descriptor;
  readonly message: string;
}

/** Opens a blob as the place stores it. The `data` of its descriptor would prove nothing about the place. */
export function openStored({ blobs }: Repository, described: Descriptor): Content {
  const { data: _, ...blob } = described;
  return blobs.open(openable(blob));
}

/** Checks a blob without a known format: that it exists and matches its digest. */
export async function* validateBlob(
  repository: Repository,
  blob: Descriptor,
  { fast = false, signal }: ValidateImageOptions,
  part?: WorkPart,
): AsyncIterable<Problem> {
  if (fast) {
    const there = await repository.blobs.stat(blob.digest, { signal });
    if (there === undefined) yield { descriptor: blob, message: 'does not exist' };
    else if (blob.unsized !== true && there.size !== blob.size) {
      yield { descriptor: blob, message: `has ${there.size} bytes, but its manifest names ${blob.size}` };
    }
    return;
  }
  const failure = await found(() => drain(metered(openStored(repository, blob).open({ signal }), part)));
  part?.settle();
  if (typeof failure === 'string') yield { descriptor: blob, message: failure };
}

export function metered(
  source: AsyncIterable<Uint8Array>,
  part: WorkPart | undefined,
): AsyncIterable<Uint8Array> {
  return part === undefined ? source : counted(source, part.add);
}

/**
 * Returns the requested content, or a sentence about its fault. Rethrows errors that tell nothing about the content.
 */
export async function found<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask();
  } catch (error) {
    const judged = [
      'DIGEST_INVALID',
      'SIZE_INVALID',
      'MANIFEST_INVALID',
      'TOO_LARGE',
      'BLOB_UNKNOWN',
      'MANIFEST_UNKNOWN',
    ];
    if (isGantryError(error) && judged.includes(error.code)) return error.message;
    throw error;
  }
}
