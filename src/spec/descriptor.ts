import type { Digest } from './digest.ts';
import type { Platform } from './platform.ts';

/**
 * Describes content: its type, its digest and its size in bytes, with optional facts about it. Rooms pass content to
 * each other only by its descriptor.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  /** The media type, in lower case and without parameters where gantry read it from a header. */
  readonly mediaType: string;
  /** The digest of the exact bytes. */
  readonly digest: Digest;
  /** Bytes, 0 to 2^53 - 1. */
  readonly size: number;
  /** Set when the manifest leaves the size out; `size` is then 0 and has no meaning. */
  readonly unsized?: true;
  /** URLs outside of the registry that also serve the content, which layers with a restrictive licence have. */
  readonly urls?: readonly string[];
  /** Free key–value pairs. */
  readonly annotations?: Annotations;
  /** The content itself, as base64 of the exact bytes. */
  readonly data?: string;
  /** The type of an artifact, in a descriptor inside an index or a list of referrers. */
  readonly artifactType?: string;
  /** The platform of an image, in a descriptor inside an index. */
  readonly platform?: Platform;
}

/** Returns the argument for `Blobs.open`: the digest alone where the manifest leaves the size out. */
export function openable(blob: Descriptor): Digest | Descriptor {
  return blob.unsized === true ? blob.digest : blob;
}

/**
 * Free key–value pairs. Keys in the form of `org.opencontainers.image.created` are defined by the image specification.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md
 */
export type Annotations = Readonly<Record<string, string>>;
