import type { Digest } from './digest.ts';
import type { Platform } from './platform.ts';

/**
 * The only handle by which content moves between rooms: type, digest and size in bytes, and what else was said.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes, 0 to 2^53 - 1. */
  readonly size: number;
  /** The manifest leaves the size out: `size` is 0 then, and says nothing. */
  readonly unsized?: true;
  readonly urls?: readonly string[];
  readonly annotations?: Annotations;
  /** base64 of the exact bytes. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/** A blob as a place can open it: by its digest alone where its manifest leaves the size out. */
export function openable(blob: Descriptor): Digest | Descriptor {
  return blob.unsized === true ? blob.digest : blob;
}

export type Annotations = Readonly<Record<string, string>>;
