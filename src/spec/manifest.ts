import type { Annotations, Descriptor } from './descriptor.ts';
import { isAttestation } from './platform.ts';

/** A manifest or an index. The bytes are authoritative and never serialised again; `body` is a view of them. */
export interface Manifest {
  /** Type, digest and size of the bytes. `artifactType` and `annotations` are set only when they come from an index. */
  readonly descriptor: Descriptor;
  /** The exact bytes, over which the digest is computed. */
  readonly bytes: Uint8Array;
  /** The parsed view of the bytes. */
  readonly body: ManifestBody;
}

/** The parsed view of a manifest, told apart by `kind`. */
export type ManifestBody = ImageManifest | IndexManifest | UnknownManifest;

/** An OCI image manifest or a docker schema 2 manifest. */
/** Always 2. */
export interface ImageManifest {
  readonly kind: 'image';
  readonly schemaVersion: 2;
  /** The media type that the document itself gives. */
  readonly mediaType?: string;
  /** The type of an artifact; undefined for a container image. */
  readonly artifactType?: string;
  /** The descriptor of the config. */
  readonly config: Descriptor;
  /** The descriptors of the layers, from the base upward. */
  readonly layers: readonly Descriptor[];
  /** The manifest that this one refers to, as a signature refers to an image. */
  readonly subject?: Descriptor;
  /** Free key–value pairs. */
  readonly annotations?: Annotations;
}

/** An OCI image index or a docker manifest list. */
export interface IndexManifest {
  /** Tells the kinds of manifests apart. */
  readonly kind: 'index';
  /** The version of the schema. */
  readonly schemaVersion: 2;
  /** The media type that the document itself gives. */
  readonly mediaType?: string;
  /** The type of an artifact; undefined for an index of container images. */
  readonly artifactType?: string;
  /** The descriptors of the manifests in the index, in order. */
  readonly manifests: readonly Descriptor[];
  /** The manifest that this one refers to. */
  readonly subject?: Descriptor;
  /** Free key–value pairs. */
  readonly annotations?: Annotations;
}

/**
 * Any other document that a registry stores as a manifest: docker schema 1, the withdrawn artifact manifests, future
 * kinds.
 */
export interface UnknownManifest {
  readonly kind: 'unknown';
  /** The version that the document gives, such as 1. */
  readonly schemaVersion?: number;
  /** The media type that the document itself gives. */
  readonly mediaType?: string;
  /** The content of a withdrawn artifact manifest. */
  readonly blobs?: readonly Descriptor[];
  /**
   * Set when the document names content that gantry does not understand, so that it cannot tell whether a copy is
   * complete.
   */
  readonly opaque?: true;
}

/** Lists the content that must exist before this manifest: the manifests of an index, the blobs of any other. */
export function children(body: ManifestBody): readonly Descriptor[] {
  return body.kind === 'index' ? body.manifests : blobsOf(body);
}

/** Lists the config and the layers of an image, in that order, or the blobs of an artifact. Keeps duplicates. */
export function blobsOf(body: ManifestBody): readonly Descriptor[] {
  if (body.kind === 'image') return [body.config, ...body.layers];
  return body.kind === 'unknown' ? (body.blobs ?? []) : [];
}

/** Lists the manifests of an index; empty for any other manifest. */
export function manifestsOf(body: ManifestBody): readonly Descriptor[] {
  return body.kind === 'index' ? body.manifests : [];
}

/**
 * True if BuildKit added `child` to the index to describe one of these images. Such a child is copied together with the
 * image.
 */
export function isAttestationOf(child: Descriptor, images: ReadonlySet<string>): boolean {
  const image = child.annotations?.['vnd.docker.reference.digest'];
  return isAttestation(child) && image !== undefined && images.has(image);
}
