import { MediaType, parseMediaType } from './media-type.ts';

/** The two sets of media types for the same documents. Clients refuse an image that mixes them. */
export type MediaFamily = 'docker' | 'oci';

/** Each type of docker's with its counterpart of OCI's. Docker's zstd type is in no standard, so it maps only away. */
const pairs: readonly (readonly [docker: string, oci: string])[] = [
  [MediaType.dockerList, MediaType.ociIndex],
  [MediaType.dockerManifest, MediaType.ociManifest],
  [MediaType.dockerConfig, MediaType.ociConfig],
  [MediaType.dockerLayer, MediaType.ociLayerGzip],
  [MediaType.dockerLayerTar, MediaType.ociLayer],
  [MediaType.dockerForeignLayer, MediaType.ociForeignLayerGzip],
  [MediaType.dockerForeignLayerTar, MediaType.ociForeignLayer],
];
const toDocker: ReadonlyMap<string, string> = new Map(pairs.map(([docker, oci]) => [oci, docker]));
const toOci: ReadonlyMap<string, string> = new Map([
  ...pairs,
  [MediaType.dockerLayerZstd, MediaType.ociLayerZstd],
]);

/** Returns the family of a manifest, index, config or layer. A type that gantry does not know counts as OCI's. */
export function familyOf(mediaType: string): MediaFamily {
  return toOci.has(parseMediaType(mediaType)) ? 'docker' : 'oci';
}

/**
 * Returns the type for the same content in a family: the type itself if it belongs there. Undefined for a type of OCI's
 * without a counterpart, such as a layer with zstd.
 */
export function typeInFamily(mediaType: string, family: MediaFamily): string | undefined {
  const type = parseMediaType(mediaType);
  if (family === 'oci') return toOci.get(type) ?? mediaType;
  return toOci.has(type) ? mediaType : toDocker.get(type);
}
