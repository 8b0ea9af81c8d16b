import { isGantryError } from '../errors.ts';
import { openImage } from '../image/image.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import { defaultPlatform, type Platform, selectPlatform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/** What an image or index is, without its layers being read. */
export interface Inspection {
  readonly kind: 'index' | 'image';
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Annotations;
  /** Of an index: everything that it lists, attestations included. */
  readonly manifests?: readonly InspectedChild[];
  /** Of an image. */
  readonly config?: Digest;
  readonly layers?: readonly Descriptor[];
  /** Of the image, or of an index's image for linux/amd64 or else its first. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface InspectedChild {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly artifactType?: string;
  readonly annotations?: Annotations;
}

/** Throws MANIFEST_INVALID for what is neither, naming what it is instead. */
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
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function inspectChild({ digest, mediaType, size, platform, ...rest }: Descriptor): InspectedChild {
  return { digest, mediaType, size, ...(platform === undefined ? {} : { platform }), ...described(rest) };
}

/** Indexes in indexes: three are never seen in earnest. */
const maxDepth = 8;

/** An index has no labels of its own. A child that is missing or broken is no reason not to show it. */
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
    if (manifest.body.kind === 'index' && depth < maxDepth) {
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
