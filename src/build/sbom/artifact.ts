import { bytesContent } from '../../flow/content.ts';
import { digestOf } from '../../flow/hash.ts';
import { changeable } from '../../image/edit/changeable.ts';
import type { Image } from '../../image/image.ts';
import { createLayer } from '../../image/layer.ts';
import { parseImageConfig } from '../../json/image-config.ts';
import { manifestOf } from '../../json/make-manifest.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { MediaType } from '../../spec/media-type.ts';

interface ArtifactParts {
  /** The type of the artifact, and of its one layer. */
  readonly type: string;
  readonly bytes: Uint8Array;
  /** The image that the artifact is about. */
  readonly subject: Descriptor;
  readonly created: string;
}

const nothing = new TextEncoder().encode('{}');

/**
 * Makes a document an artifact that refers to an image.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage
 */
export function artifactView({ type, bytes, subject, created }: ArtifactParts): Image {
  const layer = { mediaType: type, digest: digestOf(bytes), size: bytes.byteLength };
  const { mediaType, digest, size } = subject;
  const value = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: type,
    config: { mediaType: MediaType.empty, digest: digestOf(nothing), size: nothing.byteLength, data: 'e30=' },
    layers: [layer],
    subject: { mediaType, digest, size },
    annotations: { 'org.opencontainers.image.created': created },
  } as const;
  const { descriptor, bytes: document } = manifestOf(value);
  return changeable({
    kind: 'image',
    manifest: async () => ({ descriptor, bytes: document, body: { kind: 'image', ...value } }),
    rawConfig: async () => nothing,
    config: async () => parseImageConfig(nothing),
    layers: async () => [createLayer(bytesContent(bytes), { descriptor: layer, diffId: layer.digest })],
  });
}
