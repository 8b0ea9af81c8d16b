import { UnsupportedError } from '../../errors.ts';
import type { JsonChange, JsonPath } from '../../json/edit.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Digest } from '../../spec/digest.ts';
import type { ImageManifest, IndexManifest } from '../../spec/manifest.ts';
import { type MediaFamily, typeInFamily } from '../../spec/media-family.ts';
import { MediaType, parseMediaType } from '../../spec/media-type.ts';
import { callback, checkArgument, checkOptions, oneOf, type Shape } from '../../spec/options.ts';
import { aView } from '../../store/checks.ts';
import type { Image } from '../image.ts';
import type { Index, IndexView } from '../image-index.ts';
import { changed } from './changeable.ts';
import { editDocuments, familyEdits, type ImageDocuments, refuseArtifact } from './documents.ts';
import { editIndexDocument } from './index-document.ts';
import { type MapImagesOptions, mapImagesShape, mapIndexes } from './map-images.ts';
import { layersIn, layerTypeIn } from './steps.ts';

/** Members of one manifest that docker's format has no place for, and that a conversion leaves out. */
export interface ConversionLoss {
  /** The member, of the manifest itself or of descriptors in it. */
  readonly member: LostMember;
  /** The number of annotations, or of the other members. */
  readonly count: number;
}

/** A member that only OCI's format has. */
export type LostMember = 'annotations' | 'subject' | 'artifactType' | 'data';

/** Settings of `convertImage`. */
export interface ConvertImageOptions {
  /** Receives the losses when the view is first read. */
  readonly onLoss?: ((loss: ConversionLoss) => void) | undefined;
}

/** Settings of `convertIndex`. */
export interface ConvertIndexOptions extends ConvertImageOptions, MapImagesOptions {}

const shape: Shape<ConvertImageOptions> = { onLoss: callback };
const indexShape: Shape<ConvertIndexOptions> = { ...shape, ...mapImagesShape };
const aFamily = oneOf('docker', 'oci');

/**
 * Gives an image the media types of docker or of OCI. The config and the layers keep their bytes, so the image keeps its id.
 * An image of that family keeps its digest. Docker's format has no annotations, subject, artifactType and inlined data.
 *
 * Reading the view throws UNSUPPORTED for a layer that docker's media types have none for, such as zstd, and
 * MANIFEST_INVALID for an artifact.
 * @throws INVALID_OPTION for a wrong argument
 * @example
 * ```ts
 * import { convertImage, createClient } from 'gantry';
 *
 * await using client = createClient();
 * const image = await client.getImage('ghcr.io/acme/app:1');
 * await client.pushImage('ghcr.io/acme/app:docker', convertImage(image, 'docker'));
 * ```
 */
export function convertImage(image: Image, family: MediaFamily, options: ConvertImageOptions = {}): Image {
  checkArgument('convertImage', 'image', image, aView);
  checkArgument('convertImage', 'family', family, aFamily);
  checkOptions('convertImage', options, shape);
  return changed(image, {
    documents: async (documents) => convertedDocuments(documents, family, options),
    layers: async (read) => layersIn(family, await image.layers(read)),
  });
}

/**
 * Converts an index with all its images, as `convertImage` does.
 *
 * Reading the view throws the errors of `convertImage`, and UNSUPPORTED for a docker list with an entry that is no docker
 * image: an artifact, a nested index, or an image that `wants` left out.
 * @throws INVALID_OPTION for a wrong argument
 */
export function convertIndex(index: Index, family: MediaFamily, options: ConvertIndexOptions = {}): Index {
  checkArgument('convertIndex', 'index', index, aView);
  checkArgument('convertIndex', 'family', family, aFamily);
  checkOptions('convertIndex', options, indexShape);
  const { onLoss, ...rest } = options;
  return mapIndexes(
    index,
    (image) => convertImage(image, family, { onLoss }),
    rest,
    async (manifest, { before }) => convertedIndex(manifest, family, { before, onLoss }),
  );
}

function convertedDocuments(
  documents: ImageDocuments,
  family: MediaFamily,
  { onLoss }: ConvertImageOptions,
): ImageDocuments {
  const { manifest } = documents;
  const { descriptor, body } = manifest;
  refuseArtifact(manifest, 'only images can be converted');
  for (const layer of body.layers) layerTypeIn(family, layer.mediaType);
  const mediaType = typeInFamily(descriptor.mediaType, family) ?? descriptor.mediaType;
  if (mediaType === descriptor.mediaType)
    return editDocuments(documents, { manifest: familyEdits(body, family) });
  const lost =
    family === 'docker' ? lossesOf(body, [[['config'], body.config], ...listed('layers', body.layers)]) : [];
  report(lost, onLoss);
  const manifestEdits = [{ path: ['mediaType'] as const, value: mediaType }, ...lost.map(removal)];
  return editDocuments(documents, { mediaType, manifest: manifestEdits });
}

/** Gives an index the media type of a family, after its images. */
export function convertedIndex(
  manifest: IndexView,
  family: MediaFamily,
  { before, onLoss }: ConvertImageOptions & { readonly before: Digest },
): IndexView {
  const { descriptor, body } = manifest;
  if (family === 'docker') refuseOthers(body.manifests, before);
  const mediaType = typeInFamily(descriptor.mediaType, family) ?? descriptor.mediaType;
  if (mediaType === descriptor.mediaType) return manifest;
  const lost = family === 'docker' ? lossesOf(body, listed('manifests', body.manifests)) : [];
  report(lost, onLoss);
  const edits = [{ path: ['mediaType'] as const, value: mediaType }, ...lost.map(removal)];
  return editIndexDocument(manifest, edits, { mediaType });
}

/** Refuses entries that docker's lists cannot hold. */
function refuseOthers(entries: readonly Descriptor[], index: Digest): void {
  const other = entries.find(({ mediaType }) => parseMediaType(mediaType) !== MediaType.dockerManifest);
  if (other === undefined) return;
  throw new UnsupportedError(
    'convert',
    `a docker list holds only docker images, and the entry ${other.digest} of ${index} has the type ${other.mediaType}: convert all images of the index, or copy only some platforms of it first`,
  );
}

/** A member that goes away. */
interface Lost extends ConversionLoss {
  readonly path: JsonPath;
}

/** A descriptor in a manifest, with its place there. */
type Placed = readonly [path: JsonPath, descriptor: Descriptor];

function listed(name: 'layers' | 'manifests', list: readonly Descriptor[]): readonly Placed[] {
  return list.map((descriptor, at) => [[name, at], descriptor]);
}

function lossesOf(body: ImageManifest | IndexManifest, descriptors: readonly Placed[]): readonly Lost[] {
  return [
    ...lostNotes(['annotations'], body.annotations),
    ...lostMember(['subject'], 'subject', body.subject),
    ...lostMember(['artifactType'], 'artifactType', body.artifactType),
    ...descriptors.flatMap(([path, { annotations, artifactType, data }]) => [
      ...lostNotes([...path, 'annotations'], annotations),
      ...lostMember([...path, 'artifactType'], 'artifactType', artifactType),
      ...lostMember([...path, 'data'], 'data', data),
    ]),
  ];
}

function lostMember(path: JsonPath, member: LostMember, value: unknown): readonly Lost[] {
  return value === undefined ? [] : [{ path, member, count: 1 }];
}

function lostNotes(path: JsonPath, value: Descriptor['annotations']): readonly Lost[] {
  return value === undefined ? [] : [{ path, member: 'annotations', count: Object.keys(value).length }];
}

function removal({ path }: Lost): JsonChange {
  return { path, value: undefined };
}

/** Reports each member once, with its number in the whole manifest. */
function report(lost: readonly Lost[], onLoss: ConvertImageOptions['onLoss']): void {
  const counts = new Map<LostMember, number>();
  for (const { member, count } of lost) counts.set(member, (counts.get(member) ?? 0) + count);
  for (const [member, count] of counts) if (count > 0) onLoss?.({ member, count });
}
