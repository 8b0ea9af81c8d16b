/**
 * The media types that gantry knows by name. It keeps and passes on any other type unchanged.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md
 */
export const MediaType = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociForeignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociForeignLayerGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociForeignLayerZstd: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  /** From the release candidates of version 1.1, withdrawn. Some registries still store such manifests. */
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
  orasArtifact: 'application/vnd.cncf.oras.artifact.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerTar: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerForeignLayerTar: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
  schema1: 'application/vnd.docker.distribution.manifest.v1+json',
  schema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  /** The type of `{}`, a placeholder for a required config or layer. */
  empty: 'application/vnd.oci.empty.v1+json',
  json: 'application/json',
  octetStream: 'application/octet-stream',
} as const;

const indexTypes: ReadonlySet<string> = new Set([MediaType.ociIndex, MediaType.dockerList]);
const imageTypes: ReadonlySet<string> = new Set([MediaType.ociManifest, MediaType.dockerManifest]);
const configTypes: ReadonlySet<string> = new Set([MediaType.ociConfig, MediaType.dockerConfig]);
const otherManifestTypes: ReadonlySet<string> = new Set([
  MediaType.schema1,
  MediaType.schema1Signed,
  MediaType.ociArtifact,
  MediaType.orasArtifact,
]);
const layerTypes: ReadonlySet<string> = new Set([
  MediaType.ociLayer,
  MediaType.ociLayerGzip,
  MediaType.ociLayerZstd,
  MediaType.dockerLayer,
  MediaType.dockerLayerTar,
  MediaType.dockerLayerZstd,
]);
const foreignLayerTypes: ReadonlySet<string> = new Set([
  MediaType.ociForeignLayer,
  MediaType.ociForeignLayerGzip,
  MediaType.ociForeignLayerZstd,
  MediaType.dockerForeignLayer,
  MediaType.dockerForeignLayerTar,
]);

/**
 * The Accept header of each manifest request. It always lists all types: without the OCI types distribution answers
 * 404, and without the newer docker types Docker Hub and Quay convert to schema 1.
 */
export const manifestAccept: readonly string[] = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerList,
  MediaType.dockerManifest,
  MediaType.ociArtifact,
  MediaType.orasArtifact,
  MediaType.schema1Signed,
  MediaType.schema1,
  '*/*',
];

/** Returns the type in lower case and without parameters, which is the form for comparisons. */
export function parseMediaType(text: string): string {
  const semicolon = text.indexOf(';');
  return (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase();
}

/** True for an OCI index and a docker manifest list. */
export function isIndexType(mediaType: string): boolean {
  return indexTypes.has(parseMediaType(mediaType));
}

/** True for an OCI image manifest and a docker schema 2 manifest. */
export function isImageType(mediaType: string): boolean {
  return imageTypes.has(parseMediaType(mediaType));
}

/**
 * True for every type that registries store as a manifest: index, image, docker schema 1, the withdrawn artifact
 * manifests.
 */
export function isManifestType(mediaType: string): boolean {
  const essence = parseMediaType(mediaType);
  return indexTypes.has(essence) || imageTypes.has(essence) || otherManifestTypes.has(essence);
}

/** True for the config of a container image, which `parseImageConfig` reads. */
export function isConfigType(mediaType: string): boolean {
  return configTypes.has(parseMediaType(mediaType));
}

/** True for a filesystem layer, including one that may not be distributed. */
export function isLayerType(mediaType: string): boolean {
  const essence = parseMediaType(mediaType);
  return layerTypes.has(essence) || foreignLayerTypes.has(essence);
}

/** Returns the compression that a layer's type names; undefined for any other type. */
export function layerCompression(mediaType: string): 'gzip' | 'zstd' | 'none' | undefined {
  const essence = parseMediaType(mediaType);
  if (!layerTypes.has(essence) && !foreignLayerTypes.has(essence)) return undefined;
  if (essence.endsWith('gzip')) return 'gzip';
  return essence.endsWith('zstd') ? 'zstd' : 'none';
}

/** The type of an OCI layer in each compression. */
export const ociLayerTypes: Readonly<Record<'gzip' | 'zstd' | 'none', string>> = {
  gzip: MediaType.ociLayerGzip,
  zstd: MediaType.ociLayerZstd,
  none: MediaType.ociLayer,
};

const distributableTypes: ReadonlyMap<string, string> = new Map([
  [MediaType.ociForeignLayer, MediaType.ociLayer],
  [MediaType.ociForeignLayerGzip, MediaType.ociLayerGzip],
  [MediaType.ociForeignLayerZstd, MediaType.ociLayerZstd],
  [MediaType.dockerForeignLayer, MediaType.dockerLayer],
  [MediaType.dockerForeignLayerTar, MediaType.dockerLayerTar],
]);

/** Returns the type for the same layer without the restriction of a licence; the type itself if it has none. */
export function distributableType(mediaType: string): string {
  return distributableTypes.get(parseMediaType(mediaType)) ?? mediaType;
}

/** False for layers that a licence restricts to the places in their `urls`. */
export function isDistributable(mediaType: string): boolean {
  return !foreignLayerTypes.has(parseMediaType(mediaType));
}
