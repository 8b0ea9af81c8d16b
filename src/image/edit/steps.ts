import { ContentError, UnsupportedError } from '../../errors.ts';
import { parseJson } from '../../json/parse.ts';
import type { HistoryEntry } from '../../spec/image-config.ts';
import { familyOf, type MediaFamily, typeInFamily } from '../../spec/media-family.ts';
import type { AddedLayers } from '../image.ts';
import type { Layer, MeasureOptions } from '../layer.ts';
import { type DocumentEdits, editDocuments, type ImageDocuments, refuseArtifact } from './documents.ts';

/** One step of a build: an entry of the history, a layer, or both. Values are as in the documents, with unknown members. */
export interface BuildStep {
  /** The entry of the history. Absent in an image without history. */
  readonly entry?: unknown;
  readonly layer?: StepLayer;
}

/** A layer as the documents describe it. */
export interface StepLayer {
  /** The descriptor in the manifest. */
  readonly descriptor: unknown;
  /** The digest of the uncompressed tar in the config. */
  readonly diffId: unknown;
}

/** The time in entries of the history without a known time. Some tools fail at an entry without one. */
export const epoch = '1970-01-01T00:00:00Z';

const addedEntry: HistoryEntry = { created: epoch, created_by: 'gantry' };

/**
 * Lists the steps of an image from the base upward.
 * @throws MANIFEST_INVALID for an artifact, and when manifest, config and history name different numbers of layers
 */
export function stepsOf({ manifest, config }: ImageDocuments): readonly BuildStep[] {
  refuseArtifact(manifest);
  const { digest } = manifest.descriptor;
  const image = parseJson(config, { what: `config ${manifest.body.config.digest}` });
  const descriptors = listAt(parseJson(manifest.bytes, { what: `manifest ${digest}` }), 'layers');
  const diffIds = listAt(memberOf(image, 'rootfs'), 'diff_ids');
  if (descriptors.length !== diffIds.length) {
    throw mismatch(digest, `its config names ${diffIds.length} layers`, descriptors.length);
  }
  const layers = descriptors.map((descriptor, at): StepLayer => ({ descriptor, diffId: diffIds[at] }));
  const history = listAt(image, 'history');
  if (history.length === 0) return layers.map((layer) => ({ layer }));
  const withLayer = history.filter((entry) => memberOf(entry, 'empty_layer') !== true);
  if (withLayer.length !== layers.length) {
    throw mismatch(digest, `its history names ${withLayer.length} layers`, layers.length);
  }
  const left = layers.values();
  return history.map((entry) => {
    const layer = memberOf(entry, 'empty_layer') === true ? undefined : left.next().value;
    return layer === undefined ? { entry } : { entry, layer };
  });
}

/**
 * Gives an image these steps. If one of them has an entry in the history, every layer gets one, because many tools count
 * them.
 */
export function withSteps(
  documents: ImageDocuments,
  steps: readonly BuildStep[],
  edits: DocumentEdits = {},
): ImageDocuments {
  const layers = steps.flatMap(({ layer }) => layer ?? []);
  const hasHistory = steps.some(({ entry }) => entry !== undefined);
  const history = hasHistory ? steps.map(({ entry }) => entry ?? { created: epoch }) : undefined;
  return editDocuments(documents, {
    config: [
      { path: ['rootfs', 'diff_ids'], value: layers.map(({ diffId }) => diffId) },
      ...(history === undefined && steps.length > 0 ? [] : [{ path: ['history'] as const, value: history }]),
      ...(edits.config ?? []),
    ],
    manifest: [
      { path: ['layers'], value: layers.map(({ descriptor }) => descriptor) },
      ...(edits.manifest ?? []),
    ],
  });
}

/** Returns the steps that add these layers. Reads a layer if its digests are unknown. */
export async function addedSteps(
  layers: readonly Layer[],
  { history = [] }: AddedLayers,
  options: MeasureOptions = {},
): Promise<readonly BuildStep[]> {
  return Promise.all(
    layers.map(async (layer, at) => ({
      entry: history[at] ?? addedEntry,
      layer: { descriptor: await layer.descriptor(options), diffId: await layer.diffId(options) },
    })),
  );
}

/**
 * Returns the media type of a layer in a family.
 * @throws UNSUPPORTED when docker's family has no type for it
 */
export function layerTypeIn(family: MediaFamily, type: string): string {
  const mediaType = typeInFamily(type, family);
  if (mediaType !== undefined) return mediaType;
  throw new UnsupportedError(
    'layer',
    `docker's media types have none for a layer of type ${type}: compress it with gzip, or convert the image to OCI first`,
  );
}

function layerIn(family: MediaFamily, layer: Layer): Layer {
  const mediaType = layerTypeIn(family, layer.mediaType);
  if (mediaType === layer.mediaType) return layer;
  return {
    ...layer,
    mediaType,
    descriptor: async (options) => ({ ...(await layer.descriptor(options)), mediaType }),
  };
}

/** Gives layers the media types of the image's family. */
export function layersFor(
  { descriptor }: ImageDocuments['manifest'],
  layers: readonly Layer[],
): readonly Layer[] {
  return layersIn(familyOf(descriptor.mediaType), layers);
}

/** Gives layers the media types of a family. */
export function layersIn(family: MediaFamily, layers: readonly Layer[]): readonly Layer[] {
  return layers.map((layer) => layerIn(family, layer));
}

function mismatch(digest: string, said: string, actual: number): ContentError {
  return new ContentError(
    'MANIFEST_INVALID',
    `image ${digest} contradicts itself: ${said}, and its manifest ${actual}; build it again, or correct its config`,
  );
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** Returns an array in a document. Go writes an empty one as null, or leaves it out. */
function listAt(value: unknown, name: string): readonly unknown[] {
  const list = memberOf(value, name);
  return Array.isArray(list) ? list : [];
}
