import { isGantryError } from '../errors.ts';
import { openImage } from '../image/open-image.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import { given } from '../spec/options.ts';
import { defaultPlatform, type Platform, selectPlatform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/** The description of an image or index, made without reading its layers. */
export interface Inspection {
  /** The kind of the manifest. */
  readonly kind: 'index' | 'image';
  /** The schema version of the manifest, 2. */
  readonly schemaVersion: number;
  /** The media type of the manifest. */
  readonly mediaType: string;
  /** The digest of the manifest. */
  readonly digest: Digest;
  /** The size of the manifest in bytes. */
  readonly size: number;
  /** The type of an artifact. */
  readonly artifactType?: string;
  /** The annotations of the manifest. */
  readonly annotations?: Annotations;
  /** The entries of an index, attestations included. */
  readonly manifests?: readonly InspectedChild[];
  /** The digest of the config of an image. */
  readonly config?: Digest;
  /** The layers of an image, lowest first. */
  readonly layers?: readonly Descriptor[];
  /** The labels of the image; of an index, those of its image for linux/amd64 or else its first. */
  readonly labels: Readonly<Record<string, string>>;
}

/** One entry of an index. */
export interface InspectedChild {
  /** The digest of the manifest. */
  readonly digest: Digest;
  /** The media type of the manifest. */
  readonly mediaType: string;
  /** The size of the manifest in bytes. */
  readonly size: number;
  /** The platform that the index gives. */
  readonly platform?: Platform;
  /** The type of an artifact. */
  readonly artifactType?: string;
  /** The annotations that the index gives. */
  readonly annotations?: Annotations;
}

/**
 * Describes a manifest.
 * @throws MANIFEST_INVALID when it is neither image nor index, naming its kind
 */
export async function inspectManifest(
  repository: Repository,
  manifest: Manifest,
  options: SignalOptions = {},
): Promise<Inspection> {
  const { descriptor, body } = manifest;
  const { mediaType, digest, size } = descriptor;
  if (body.kind !== 'index') {
    const image = openImage(repository, manifest);
    const { config, layers, ...rest } = (await image.manifest(options)).body;
    const labels = isConfigType(config.mediaType) ? (await image.config(options)).config?.Labels : undefined;
    return {
      kind: 'image',
      schemaVersion: 2,
      mediaType,
      digest,
      size,
      ...described(rest),
      config: config.digest,
      layers,
      labels: labels ?? {},
    };
  }
  return {
    kind: 'index',
    schemaVersion: 2,
    mediaType,
    digest,
    size,
    ...described(body),
    manifests: body.manifests.map(inspectChild),
    labels: await labelsOf(repository, body.manifests, options),
  };
}

function described({
  artifactType,
  annotations,
}: {
  readonly artifactType?: string;
  readonly annotations?: Annotations;
}): Pick<Inspection, 'artifactType' | 'annotations'> {
  return given({ artifactType, annotations });
}

function inspectChild({ digest, mediaType, size, platform, ...rest }: Descriptor): InspectedChild {
  return { ...given({ digest, mediaType, size, platform }), ...described(rest) };
}

/** Reads the labels of an image of the index, which has none of its own. Returns none when the image is missing or broken. */
async function labelsOf(
  repository: Repository,
  manifests: readonly Descriptor[],
  options: SignalOptions,
  depth = 1,
): Promise<Readonly<Record<string, string>>> {
  const images = manifests.filter(
    (child) => selectPlatform([child], child.platform ?? defaultPlatform) !== undefined,
  );
  const child = selectPlatform(manifests, defaultPlatform) ?? images[0];
  if (child === undefined) return {};
  try {
    const manifest = await repository.manifests.get(child.digest, options);
    if (manifest.body.kind === 'index' && depth < maxNesting) {
      return await labelsOf(repository, manifest.body.manifests, options, depth + 1);
    }
    if (manifest.body.kind !== 'image') return {};
    return (await inspectManifest(repository, manifest, options)).labels;
  } catch (error) {
    const own = ['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_INVALID'];
    if (isGantryError(error) && own.includes(error.code)) return {};
    throw error;
  }
}
