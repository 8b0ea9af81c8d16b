import type { Manifest } from '../spec/manifest.ts';

/** The image that a copy was asked for, before a platform was chosen. */
export interface NamedRoot {
  /** The tag or digest in the source. */
  readonly reference: string;
  /** The manifest that it names. The root is the same, or a part of it. */
  readonly manifest: Manifest;
  /** The source; undefined if the caller has opened it himself. */
  readonly origin?: ImageOrigin | undefined;
}

/** The source of an image. */
export interface ImageOrigin {
  /** The kind of the place, in the words of containers: `docker` for a registry, or `oci`, `oci-archive`, `docker-archive`, `docker-daemon`. */
  readonly transport: string;
  /** The name of the registry; of other places the path, with a colon and the name of the image if it is named. */
  readonly name: string;
}
