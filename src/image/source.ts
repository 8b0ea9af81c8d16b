import { NotFoundError } from '../errors.ts';
import { bytesContent, type Content } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { checkArgument, checkOptions, signal } from '../spec/options.ts';
import { aView } from '../store/checks.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { readOnlyRepository } from '../store/read-only.ts';
import type { Image, ViewPlace } from './image.ts';
import type { Index } from './image-index.ts';
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
  const manifests = new Map<string, Manifest>();
  const blobs = new Map<Digest, SourceBlob>();
  const rest = image.kind === 'index' ? image.rest : undefined;
  const root = await gather(image, { manifests, blobs, rest }, options);
  const repository = readOnlyRepository({
    name: rest?.repository.name ?? 'image',
    blobs: {
      stat: async (digest, read) =>
        blobs.get(digest)?.descriptor ?? rest?.repository.blobs.stat(digest, read),
      open(blob) {
        const digest = typeof blob === 'string' ? blob : blob.digest;
        return blobs.get(digest)?.content ?? rest?.repository.blobs.open(blob) ?? missing(digest);
      },
    },
    manifests: {
      resolve: async (reference, read) =>
        manifests.get(reference)?.descriptor ?? rest?.repository.manifests.resolve(reference, read),
      async get(reference, read) {
        const found = manifests.get(reference) ?? (await rest?.repository.manifests.get(reference, read));
        if (found === undefined)
          throw new NotFoundError('MANIFEST_UNKNOWN', `the image has no manifest ${reference}`);
        return found;
      },
    },
    tags: { async *list() {} },
    async *referrers() {},
  });
  const restOrigin = rest && originOfPlace(rest);
  return { repository, root, originOf: (digest) => blobs.get(digest)?.origin ?? restOrigin };
}

/** Returns the repositories that are known to have layers of a view, without reading any. */
export async function originsOf(
  image: Image | Index,
  options: SignalOptions = {},
): Promise<readonly LayerOrigin[]> {
  if (image.place !== undefined) return [originOfPlace(image.place) ?? []].flat();
  if (image.kind === 'image') return (await image.layers(options)).flatMap(({ origin }) => origin ?? []);
  const children = await image.children(options);
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
  readonly manifests: Map<string, Manifest>;
  readonly blobs: Map<Digest, SourceBlob>;
  /** The place of the unchanged images and entries of a changed index. */
  readonly rest: ViewPlace | undefined;
}

async function gather(
  image: Image | Index,
  gathered: Gathered,
  options: MeasureOptions,
): Promise<Descriptor> {
  const { manifests, blobs, rest } = gathered;
  const manifest = await image.manifest(options);
  manifests.set(manifest.descriptor.digest, manifest);
  if (image.kind === 'index') {
    const children = await image.children(options);
    const others = children.filter(
      ({ place }) => place === undefined || place.repository !== rest?.repository,
    );
    for (const child of others) await gather(child, gathered, options);
    return manifest.descriptor;
  }
  const { config } = (await image.manifest(options)).body;
  blobs.set(config.digest, { descriptor: config, content: bytesContent(await image.rawConfig(options)) });
  for (const layer of await image.layers(options)) {
    const descriptor = await layer.descriptor(options);
    blobs.set(descriptor.digest, { descriptor, content: layer.compressed(), origin: layer.origin });
  }
  return manifest.descriptor;
}
