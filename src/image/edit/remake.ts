import { createPool } from '../../flow/pool.ts';
import { createSingleFlight, type SingleFlight } from '../../flow/single-flight.ts';
import type { JsonChange } from '../../json/edit.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Digest } from '../../spec/digest.ts';
import { familyOf, type MediaFamily } from '../../spec/media-family.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import type { Layer } from '../layer.ts';
import { changed } from './changeable.ts';
import { documentsOf, editDocuments, type ImageDocuments } from './documents.ts';
import { layersIn, stepsOf } from './steps.ts';

/** A layer of an image, before its image changes. */
export interface OldLayer {
  readonly layer: Layer;
  /** As the manifest has it. */
  readonly descriptor: Descriptor;
  /** The digest of the tar, by the config. */
  readonly diffId: Digest;
  /** The position from the base, from 0. */
  readonly at: number;
  /** The family of the image. */
  readonly family: MediaFamily;
}

/** The outcome for one layer: a new layer, or the old one stays, or it goes away. */
export type NewLayer = Layer | 'kept' | 'removed';

/** Makes a layer anew. */
export type RemakeLayer = (old: OldLayer, read: SignalOptions) => Promise<NewLayer>;

/** Layers in work at once. A layer is compressed beside the reading of another. */
const atOnce = 2;

/**
 * Returns the image with new layers. A descriptor keeps its unknown members, and loses those about the old bytes: `data`,
 * `urls` and the annotations for lazy pulling. A removed layer takes its entry in the history with it.
 */
export function withRemadeLayers(image: Image, remake: RemakeLayer): Image {
  const once = onceForAll<'all', readonly Remade[]>();
  const remade = (read?: SignalOptions): Promise<readonly Remade[]> =>
    once.run('all', (signal) => remakeAll(image, remake, { signal }), read);
  return changed(image, {
    documents: async (documents, read) => withNewLayers(documents, await remade(read), read),
    layers: async (read) =>
      (await remade(read)).flatMap(({ old, now }) =>
        now === 'removed' ? [] : [now === 'kept' ? old.layer : now],
      ),
  });
}

/** Makes each layer once for all readers. Without a limit, because reading and compressing a layer ends, however long it takes. */
export function onceForAll<K, T>(): SingleFlight<K, T> {
  return createSingleFlight({ keep: true, limit: Number.POSITIVE_INFINITY });
}

interface Remade {
  readonly old: OldLayer;
  readonly now: NewLayer;
}

async function remakeAll(
  image: Image,
  remake: RemakeLayer,
  read: SignalOptions = {},
): Promise<readonly Remade[]> {
  return inPool(await oldLayers(image, read), (old, inner) => remakeOne(old, remake, inner), read);
}

/** Runs a task for each item, a few at once. The first failure ends all. */
export async function inPool<T, R>(
  items: readonly T[],
  task: (item: T, read: SignalOptions) => Promise<R>,
  read: SignalOptions = {},
): Promise<readonly R[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(read.signal === undefined ? [] : [read.signal])]);
  const pool = createPool(atOnce);
  const works = items.map((item) => pool.run(() => task(item, { signal }), { signal }));
  try {
    return await Promise.all(works);
  } finally {
    stop.abort();
    await Promise.allSettled(works);
  }
}

/**
 * Lists the layers of an image.
 * @throws MANIFEST_INVALID for an artifact, and for an image that contradicts itself
 */
async function oldLayers(image: Image, read: SignalOptions): Promise<readonly OldLayer[]> {
  const documents = await documentsOf(image, read);
  stepsOf(documents);
  const { descriptor, body } = documents.manifest;
  const family = familyOf(descriptor.mediaType);
  const layers = await image.layers(read);
  return Promise.all(
    layers.map(async (layer, at) => ({
      layer,
      descriptor: body.layers[at] ?? (await layer.descriptor(read)),
      diffId: await layer.diffId(read),
      at,
      family,
    })),
  );
}

async function remakeOne(old: OldLayer, remake: RemakeLayer, read: SignalOptions): Promise<Remade> {
  const made = await remake(old, read);
  const [now = made] = typeof made === 'string' ? [] : layersIn(old.family, [made]);
  return { old, now };
}

async function withNewLayers(
  documents: ImageDocuments,
  all: readonly Remade[],
  read?: SignalOptions,
): Promise<ImageDocuments> {
  const entries = layerEntries(documents);
  const [config, manifest]: [JsonChange[], JsonChange[]] = [[], []];
  for (const { old, now } of all) {
    if (now === 'kept') continue;
    const entry = entries[old.at];
    if (now === 'removed') {
      manifest.push({ path: ['layers', old.at], value: undefined });
      config.push({ path: ['rootfs', 'diff_ids', old.at], value: undefined });
      if (entry !== undefined) config.push({ path: ['history', entry], value: undefined });
      continue;
    }
    manifest.push(...descriptorEdits(old, await now.descriptor(read)));
    config.push({ path: ['rootfs', 'diff_ids', old.at], value: await now.diffId(read) });
  }
  return editDocuments(documents, { config, manifest });
}

/** Returns the position in the history for each layer; nothing for an image without history. */
function layerEntries(documents: ImageDocuments): readonly number[] {
  return stepsOf(documents).flatMap(({ entry, layer }, at) =>
    entry === undefined || layer === undefined ? [] : at,
  );
}

function descriptorEdits(
  { descriptor: old, at }: OldLayer,
  { mediaType, digest, size }: Descriptor,
): readonly JsonChange[] {
  const path = ['layers', at] as const;
  const edits: readonly JsonChange[] = [
    { path: [...path, 'mediaType'], value: mediaType },
    { path: [...path, 'digest'], value: digest },
    { path: [...path, 'size'], value: size },
  ];
  if (digest === old.digest) return edits;
  return [
    ...edits,
    { path: [...path, 'data'], value: undefined },
    { path: [...path, 'urls'], value: undefined },
    ...annotationEdits([...path, 'annotations'], old),
  ];
}

/** The beginnings of annotations that locate files in the bytes of a layer, for eStargz and zstd:chunked. */
const aboutBytes = [
  'containerd.io/snapshot/stargz/',
  'io.containers.estargz.',
  'io.github.containers.zstd-chunked.',
  'io.containers.zstd-chunked.',
];

function annotationEdits(
  path: readonly [string, ...(string | number)[]],
  { annotations = {} }: Descriptor,
): readonly JsonChange[] {
  const keys = Object.keys(annotations);
  const gone = keys.filter((key) => aboutBytes.some((beginning) => key.startsWith(beginning)));
  if (gone.length === 0) return [];
  if (gone.length === keys.length) return [{ path, value: undefined }];
  return gone.map((key) => ({ path: [...path, key] as const, value: undefined }));
}
