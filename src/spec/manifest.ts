import type { Annotations, Descriptor } from './descriptor.ts';
import { isAttestation } from './platform.ts';

/**
 * A manifest or index. The bytes are sovereign and never re-serialised; `body` is a view of them.
 * `descriptor` is {mediaType, digest, size} of the bytes, with `artifactType` and `annotations` only where an index said them.
 */
export interface Manifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly body: ManifestBody;
}

export type ManifestBody = ImageManifest | IndexManifest | UnknownManifest;

/** An OCI image manifest or a docker schema 2 manifest. */
export interface ImageManifest {
  readonly kind: 'image';
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/** An OCI image index or a docker manifest list. */
export interface IndexManifest {
  readonly kind: 'index';
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/** Anything else that a registry keeps as a manifest: docker schema 1, the withdrawn artifact manifests, future kinds. */
export interface UnknownManifest {
  readonly kind: 'unknown';
  readonly schemaVersion?: number;
  readonly mediaType?: string;
  /** The content of a withdrawn artifact manifest. */
  readonly blobs?: readonly Descriptor[];
  /** It names content that gantry does not understand, so nothing can tell whether a copy of it is whole. */
  readonly opaque?: true;
}

/** What must be there before this is: the manifests of an index, the blobs of anything else. */
export function children(body: ManifestBody): readonly Descriptor[] {
  return body.kind === 'index' ? body.manifests : blobsOf(body);
}

/** The config and layers of an image, in that order, or the blobs of an artifact; one that is named twice comes twice. */
export function blobsOf(body: ManifestBody): readonly Descriptor[] {
  if (body.kind === 'image') return [body.config, ...body.layers];
  return body.kind === 'unknown' ? (body.blobs ?? []) : [];
}

export function manifestsOf(body: ManifestBody): readonly Descriptor[] {
  return body.kind === 'index' ? body.manifests : [];
}

/** Whether BuildKit put `child` into an index to describe one of these images, so that it goes where they go. */
export function isAttestationOf(child: Descriptor, images: ReadonlySet<string>): boolean {
  const image = child.annotations?.['vnd.docker.reference.digest'];
  return isAttestation(child) && image !== undefined && images.has(image);
}
