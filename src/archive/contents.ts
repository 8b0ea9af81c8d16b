import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { FileContent } from './file.ts';

/**
 * The content of an archive. The docker forms without an index.json have no manifests; gantry makes them on
 * demand.
 */
export interface ArchiveContents {
  readonly roots: readonly ArchiveEntry[];
  /** Returns the manifests that are known so far. */
  manifests(): Iterable<Manifest>;
  readonly manifest: (digest: Digest) => Manifest | undefined;
  readonly blob: (digest: Digest) => FileContent | undefined;
  /**
   * Throws when an image's manifest contradicts its config, its layers or another description in the archive.
   */
  examine(manifest: Manifest): Promise<void>;
}

/** An image or index that the archive names. */
export interface ArchiveEntry {
  /** `alpine:3`, `docker.io/library/alpine:3`, or a tag alone. */
  readonly names: readonly string[];
  /** Absent until the manifest is made. */
  readonly digest?: Digest;
  /** The entry in index.json. */
  readonly entry?: Descriptor;
  /** Returns the platform without loading the image: of an image, the one in index.json or in its config. */
  platform(options?: SignalOptions): Promise<Platform | undefined>;
  /**
   * Returns the same descriptor every time; afterwards the manifest and its blobs are available. Throws when
   * they are missing, which does not affect the other images of the archive.
   */
  load(options?: SignalOptions): Promise<Descriptor>;
}
