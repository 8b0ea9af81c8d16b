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
  readonly urls?: readonly string[];
  readonly annotations?: Annotations;
  /** base64 of the exact bytes. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

export type Annotations = Readonly<Record<string, string>>;
