import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { FileContent } from './file.ts';

/** What an archive holds. The docker forms without an index.json have no manifests: theirs are made when they are asked for. */
export interface ArchiveContents {
  readonly roots: readonly ArchiveEntry[];
  /** Those that are known so far. */
  manifests(): Iterable<Manifest>;
  readonly manifest: (digest: Digest) => Manifest | undefined;
  readonly blob: (digest: Digest) => FileContent | undefined;
  /** Throws where an image's manifest contradicts its config, its layers or the archive's other description of it. */
  examine(manifest: Manifest): Promise<void>;
}

/** An image or index that the archive names. */
export interface ArchiveEntry {
  /** `alpine:3`, `docker.io/library/alpine:3`, or a tag alone. */
  readonly names: readonly string[];
  /** Left out where the manifest is yet to be made. */
  readonly digest?: Digest;
  /** As index.json lists it. */
  readonly entry?: Descriptor;
  /** Read without loading the image: of an image, as index.json or its config says it. */
  platform(options?: SignalOptions): Promise<Platform | undefined>;
  /**
   * Answers the same every time; by then the manifest and its blobs are there. Throws where they aren't, which says
   * nothing of the archive's other images.
   */
  load(options?: SignalOptions): Promise<Descriptor>;
}
