import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { IndexManifest, Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { PlatformPattern } from '../spec/platform-pattern.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Image, ViewPlace } from './image.ts';

/** A manifest that is an index. */
export type IndexView = Manifest & {
  /** The content of the index. */
  readonly body: IndexManifest;
};

/** The content of an index, without its changes. */
export interface IndexContent {
  readonly kind: 'index';
  /** The place of all its content, if the view was opened there. */
  readonly place?: ViewPlace;
  /** The place of the entries that `made` leaves out. */
  readonly rest?: ViewPlace | undefined;
  /** Returns the index with its exact bytes and their digest. */
  manifest(options?: SignalOptions): Promise<IndexView>;
  /** Returns the images and indexes in the index, in order. Leaves out all other entries. */
  children(options?: SignalOptions): Promise<readonly (Image | Index)[]>;
  /** Returns the children that the program added or changed. Absent if these are all. */
  made?(options?: SignalOptions): Promise<readonly (Image | Index)[]>;
}

/**
 * An image index as a lazy, immutable view.
 *
 * The `with…` methods return changed views and read nothing yet. A change edits the JSON of the index: other entries, unknown
 * members, their order and all other bytes stay, and a change that changes nothing keeps the digest. An attestation goes with
 * its image. Reading a view without entries throws MANIFEST_INVALID. `mapImages` changes the images of an index.
 */
export interface Index extends IndexContent {
  /**
   * Adds entries at the end. An image that has an entry for the same platform is not added again; the given annotations are set
   * on its entry.
   * @throws INVALID_OPTION for a wrong entry or option
   * @throws MANIFEST_INVALID, when the view is read, for an entry of a flattened index that is neither an image nor an index
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const index = await client.getIndex('ghcr.io/acme/app:1');
   * const image = await client.getImage('ghcr.io/acme/parts:amd64');
   * await client.pushIndex('ghcr.io/acme/app:2', index.withImages([{ image }]));
   * ```
   */
  withImages(entries: readonly IndexEntry[], options?: AddedImages): Index;
  /**
   * Removes the images for exactly these platforms: `linux/amd64` leaves `linux/amd64/v2`.
   * @throws INVALID_OPTION when a platform is malformed
   * @throws MANIFEST_UNKNOWN, when the view is read, for a platform that the index has no entry for
   */
  withoutPlatforms(platforms: readonly (Platform | string)[]): Index;
  /**
   * Removes the entries with these digests.
   * @throws INVALID_DIGEST when one is malformed
   * @throws MANIFEST_UNKNOWN, when the view is read, for a digest that the index has no entry for
   */
  withoutDigests(digests: readonly string[]): Index;
  /**
   * Keeps only the entries that match one of these parts of platforms: `linux` keeps every image for Linux. An entry that names
   * no platform is judged by the config of its image.
   * @throws INVALID_OPTION when one is malformed, or none is given
   * @throws MANIFEST_UNKNOWN, when the view is read, for one that no entry matches
   */
  withOnlyPlatforms(platforms: readonly (PlatformPattern | string)[]): Index;
  /** Removes the entries that match. `at` counts from 0. */
  withoutEntries(matches: (entry: Descriptor, at: number) => boolean): Index;
  /** Sets annotations of the index; null removes one. */
  withAnnotations(annotations: Readonly<Record<string, string | null>>): Index;
}

/** One entry of an index. */
export interface IndexEntry {
  /** The image or the nested index. */
  readonly image: Image | Index;
  /**
   * The platform in the entry's descriptor.
   * @defaultValue none in `createIndex`; in `withImages` the platform in the image's config
   */
  readonly platform?: Platform | undefined;
  /** The annotations in the entry's descriptor. */
  readonly annotations?: Annotations | undefined;
}

/** Settings of `Index.withImages`. */
export interface AddedImages {
  /**
   * Adds the entries of an index, with their attestations, in place of the index itself. They keep all their members.
   * @defaultValue false
   */
  readonly flatten?: boolean | undefined;
}

/** Returns the children of an index that are not at its place. */
export async function madeChildren(
  index: IndexContent,
  options?: SignalOptions,
): Promise<readonly (Image | Index)[]> {
  if (index.place !== undefined) return [];
  return index.made === undefined ? index.children(options) : index.made(options);
}
