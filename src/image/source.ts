import { NotFoundError } from '../errors.ts';
import { bytesContent, type Content } from '../flow/content.ts';
import { inlineData } from '../flow/inline-data.ts';
import { parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { children, type Manifest } from '../spec/manifest.ts';
import { isManifestType } from '../spec/media-type.ts';
import { checkArgument, checkOptions, signal } from '../spec/options.ts';
import { aView } from '../store/checks.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { readOnlyRepository } from '../store/read-only.ts';
import type { Image, ViewPlace } from './image.ts';
import { type Index, madeChildren } from './image-index.ts';
import type { LayerOrigin, MeasureOptions } from './layer.ts';

/** An image or index in the form of a place. */
export interface ImageSource {
  /** The place with all content of the image, which a copy reads. */
  readonly repository: Repository;
  /** The descriptor of the manifest to copy. */
  readonly root: Descriptor;
  /** Returns a repository that is known to have the blob, for mounting it. */
  originOf(digest: Digest): LayerOrigin | undefined;
}

/** Presents an image or an index with all its content as a place, so that a copy can push it. */
export async function imageSource(image: Image | Index, options: SignalOptions = {}): Promise<ImageSource> {
  checkArgument('imageSource', 'image', image, aView);
  checkOptions('imageSource', options, { signal });
  return sourceOf(image, options);
}

/** As `imageSource`, with options that reach the layers as they are. */
export async function sourceOf(image: Image | Index, options: MeasureOptions): Promise<ImageSource> {
  if (image.place !== undefined) return placedSource(image.place, await image.manifest(options));
  const gathered: Gathered = { manifests: new Map(), blobs: new Map(), places: new Map() };
  const { manifests, blobs, places } = gathered;
  const root = await gather(image, gathered, options);
  const repository = readOnlyRepository({
    name: (image.kind === 'index' ? image.rest?.repository.name : undefined) ?? 'image',
    blobs: {
      stat: async (digest, read) =>
        blobs.get(digest)?.descriptor ?? places.get(digest)?.repository.blobs.stat(digest, read),
      open(blob) {
        const digest = typeof blob === 'string' ? blob : blob.digest;
        const place = places.get(digest);
        return blobs.get(digest)?.content ?? place?.repository.blobs.open(blob) ?? missing(digest);
      },
    },
    manifests: {
      resolve: async (reference, read) =>
        manifests.get(reference)?.descriptor ??
        places.get(reference)?.repository.manifests.resolve(reference, read),
      async get(reference, read) {
        const known = manifests.get(reference);
        if (known !== undefined) return known;
        const place = places.get(reference);
        const found = await place?.repository.manifests.get(reference, read);
        if (place === undefined || found === undefined)
          throw new NotFoundError('MANIFEST_UNKNOWN', `the image has no manifest ${reference}`);
        addPlaced(place, found, gathered);
        return found;
      },
    },
    tags: { async *list() {} },
    async *referrers() {},
  });
  const originOf = (digest: Digest): LayerOrigin | undefined => {
    const place = places.get(digest);
    return blobs.get(digest)?.origin ?? (place && originOfPlace(place));
  };
  return { repository, root, originOf };
}

/** Returns the repositories that are known to have layers of a view, without reading any. */
export async function originsOf(
  image: Image | Index,
  options: SignalOptions = {},
): Promise<readonly LayerOrigin[]> {
  if (image.place !== undefined) return [originOfPlace(image.place) ?? []].flat();
  if (image.kind === 'image') return (await image.layers(options)).flatMap(({ origin }) => origin ?? []);
  const children = await madeChildren(image, options);
  const rest = image.rest === undefined ? undefined : originOfPlace(image.rest);
  return [rest ?? [], ...(await Promise.all(children.map((child) => originsOf(child, options))))].flat();
}

/** Copies an opened view from its place. Its manifest is already in memory. */
function placedSource(place: ViewPlace, manifest: Manifest): ImageSource {
  const origin = originOfPlace(place);
  const repository = withManifest(place.repository, manifest);
  return { repository, root: manifest.descriptor, originOf: () => origin };
}

/** Adds one manifest to a place, or saves reading it there. */
export function withManifest(source: Repository, manifest: Manifest): Repository {
  const { manifests } = source;
  const { digest } = manifest.descriptor;
  return {
    ...source,
    manifests: {
      ...manifests,
      resolve: async (reference, options) =>
        reference === digest ? manifest.descriptor : manifests.resolve(reference, options),
      get: async (reference, options) =>
        reference === digest ? manifest : await manifests.get(reference, options),
      getRaw: async (reference, options) =>
        reference === digest
          ? manifest
          : ((await manifests.getRaw?.(reference, options)) ?? (await manifests.get(reference, options))),
    },
  };
}

function originOfPlace({ repository, registry }: ViewPlace): LayerOrigin | undefined {
  return registry === undefined ? undefined : { registry, repository: repository.name };
}

interface SourceBlob {
  readonly descriptor: Descriptor;
  readonly content: Content;
  readonly origin?: LayerOrigin | undefined;
}

/** The reading reports the absence, as in every place. */
function missing(digest: Digest): Content {
  return {
    replayable: true,
    // biome-ignore lint/correctness/useYield: it fails before the first byte.
    async *open(): AsyncIterable<Uint8Array> {
      throw new NotFoundError('BLOB_UNKNOWN', `the image has no blob ${digest}`);
    },
  };
}

/** The content of a view that the program made or changed. */
interface Gathered {
  /** The manifests in memory. */
  readonly manifests: Map<string, Manifest>;
  readonly blobs: Map<Digest, SourceBlob>;
  /** The places of all other content, by its digest. */
  readonly places: Map<string, ViewPlace>;
}

async function gather(
  image: Image | Index,
  gathered: Gathered,
  options: MeasureOptions,
): Promise<Descriptor> {
  const { blobs, manifests } = gathered;
  const manifest = await image.manifest(options);
  const { descriptor } = manifest;
  if (image.place !== undefined) {
    addPlaced(image.place, manifest, gathered);
    return descriptor;
  }
  manifests.set(descriptor.digest, manifest);
  if (image.kind === 'index') {
    const { rest } = image;
    if (rest !== undefined) addContent(rest, manifest, gathered);
    for (const child of await madeChildren(image, options)) await gather(child, gathered, options);
    return descriptor;
  }
  const { config } = (await image.manifest(options)).body;
  blobs.set(config.digest, { descriptor: config, content: bytesContent(await image.rawConfig(options)) });
  for (const layer of await image.layers(options)) {
    const blob = await layer.descriptor(options);
    blobs.set(blob.digest, { descriptor: blob, content: layer.compressed(), origin: layer.origin });
  }
  return descriptor;
}

/** Adds a manifest of a place. Its content stays there, and only a copy that needs it reads it. */
function addPlaced(place: ViewPlace, manifest: Manifest, gathered: Gathered): void {
  gathered.manifests.set(manifest.descriptor.digest, manifest);
  addContent(place, manifest, gathered);
}

function addContent(place: ViewPlace, { body }: Manifest, gathered: Gathered): void {
  for (const child of children(body)) {
    if (!gathered.places.has(child.digest)) gathered.places.set(child.digest, place);
    // A copy reads an inlined manifest from its descriptor, and asks for its content next.
    const inlined = isManifestType(child.mediaType) ? inlineData(child) : undefined;
    if (inlined !== undefined) addPlaced(place, parseManifest(inlined, child), gathered);
  }
}
