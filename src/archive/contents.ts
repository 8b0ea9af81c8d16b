import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { FileContent } from './file.ts';

/** What an archive holds. The docker forms without an index.json have no manifests: theirs are made when they are asked for. */
export interface ArchiveContents {
  readonly roots: readonly ArchiveRoot[];
  readonly manifests: Map<Digest, Manifest>;
  blob(digest: Digest): FileContent | undefined;
}

/** An image or index that the archive names. */
export interface ArchiveRoot {
  /** `alpine:3`, `docker.io/library/alpine:3`, or a tag alone. */
  readonly names: readonly string[];
  /** Answers the same every time; by then the manifest and its blobs are there. */
  load(options?: SignalOptions): Promise<Descriptor>;
}
