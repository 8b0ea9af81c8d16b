import type { HistoryEntry, ImageConfig } from '../spec/image-config.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { ConfigEdit } from './edit/config-edit.ts';
import type { Layer } from './layer.ts';

/** A manifest that is an image. */
export type ImageView = Manifest & {
  /** The content of the image. */
  readonly body: ImageManifest;
};

/** The content of an image, without its changes. */
export interface ImageContent {
  readonly kind: 'image';
  /** The place of all its content, if the view was opened there. */
  readonly place?: ViewPlace;
  /** Returns the manifest with its exact bytes and their digest. */
  manifest(options?: SignalOptions): Promise<ImageView>;
  /** Returns the exact bytes of the config. */
  rawConfig(options?: SignalOptions): Promise<Uint8Array>;
  /**
   * Returns the parsed config.
   * @throws MANIFEST_INVALID when the config is that of an artifact
   */
  config(options?: SignalOptions): Promise<ImageConfig>;
  /** Returns the layers, from the base upward. */
  layers(options?: SignalOptions): Promise<readonly Layer[]>;
}

/**
 * An image as a lazy, immutable view. It reads its config at the first call that needs it, and layers at each reading.
 *
 * The `with…` methods return changed views and read nothing yet. A change edits the JSON of config and manifest: unknown
 * members, their order and all other bytes stay, and a change that changes nothing keeps the digest. Media types stay in
 * the family of the manifest, docker's or OCI's. Reading a view after an impossible change throws MANIFEST_INVALID: for an
 * artifact, and for a config that names other layers than the manifest.
 */
export interface Image extends ImageContent {
  /**
   * Changes the defaults for running a container, and the author.
   * @throws INVALID_OPTION for a malformed change, such as a port that is no number
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const image = await client.getImage('ghcr.io/acme/app:1');
   * const changed = image.withConfig({ env: { MODE: 'production', DEBUG: null }, user: '65532' });
   * await client.pushImage('ghcr.io/acme/app:1-production', changed);
   * ```
   */
  withConfig(change: ConfigEdit): Image;
  /**
   * Replaces the config by these bytes. The config of an artifact may be any JSON. Reading the view throws MANIFEST_INVALID when
   * they are no config of an image with the same layers.
   */
  withRawConfig(config: Uint8Array): Image;
  /**
   * Adds layers on top, each with one entry in the history. Their media types become those of the image's family.
   * @throws UNSUPPORTED, when the view is read, for a layer that docker's family has no type for, such as zstd
   */
  withLayers(layers: readonly Layer[], options?: AddedLayers): Image;
  /** Removes the layers that match, with their entries in the history. `at` counts from the base, from 0. */
  withoutLayers(matches: (layer: Layer, at: number) => boolean): Image;
  /** Sets annotations of the manifest; null removes one. */
  withAnnotations(annotations: Readonly<Record<string, string | null>>): Image;
  /**
   * Sets operating system, architecture, variant and version in the config; removes the last two if the platform has none.
   * @throws INVALID_OPTION when the platform is malformed
   */
  withPlatform(platform: Platform | string): Image;
  /**
   * Sets the time of creation, in the form of RFC 3339; null removes it.
   * @throws INVALID_OPTION when the time is malformed
   */
  withCreated(created: string | null): Image;
}

/** Settings of `Image.withLayers`. */
export interface AddedLayers {
  /**
   * The entry in the history for each layer.
   * @defaultValue `{ created: '1970-01-01T00:00:00Z', created_by: 'gantry' }`
   */
  readonly history?: readonly HistoryEntry[] | undefined;
}

/** The place where the content of a view is stored. */
export interface ViewPlace {
  /** The repository with all blobs and manifests. */
  readonly repository: Repository;
  /** The name of the repository's registry. A push to the same registry then mounts the blobs. */
  readonly registry?: string | undefined;
}
