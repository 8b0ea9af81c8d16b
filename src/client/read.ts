import { NotFoundError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { parseDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { defaultPlatform, type Platform } from '../spec/platform.ts';
import type { RawManifest, Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { OpenedSource } from './disk-source.ts';
import type { Inspection } from './inspect.ts';
import { openRegistrySource, openRepository, openSource } from './open.ts';
import { formatPlace, type Place, toPlace, toReference } from './place.ts';

/** Settings of the verbs that read an image. */
export interface ReadOptions extends SignalOptions {
  /** Selects the image of an index for this platform: an object, or a text such as `linux/arm64/v8`. */
  readonly platform?: Platform | string | undefined;
}

/** Opens a place for the time of `use`. */
async function reading<T>(
  connections: Connections,
  place: string | Place,
  options: ReadOptions,
  use: (repository: Repository, reference: string) => Promise<T>,
): Promise<T> {
  const { repository, reference } = await openSource(connections, toPlace(place), {
    signal: options.signal,
    platforms: options.platform === undefined ? undefined : [options.platform],
  });
  try {
    return await use(repository, reference);
  } finally {
    await repository[Symbol.asyncDispose]();
  }
}

/** Asks with one HEAD request; undefined if the place has no such image. */
function resolve(
  connections: Connections,
  place: string | Place,
  options: SignalOptions = {},
): Promise<Descriptor | undefined> {
  return reading(connections, place, options, (repository, reference) =>
    repository.manifests.resolve(reference, options),
  );
}

export async function exists(
  connections: Connections,
  place: string | Place,
  options: SignalOptions = {},
): Promise<boolean> {
  const parsed = toPlace(place);
  // Reading an image of a daemon would save all of it.
  if (parsed.kind === 'docker-daemon')
    return (await import('./daemon-place.ts')).daemonHas(connections, parsed, options);
  return (await resolve(connections, parsed, options)) !== undefined;
}

export async function blobExists(
  connections: Connections,
  repository: string,
  digest: string,
  options: SignalOptions = {},
): Promise<boolean> {
  const parsed = parseDigest(digest);
  return (await openRepository(connections, repository).blobs.stat(parsed, options)) !== undefined;
}

export async function getDescriptor(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): Promise<Descriptor> {
  if (options.platform !== undefined) return (await getManifest(connections, place, options)).descriptor;
  const found = await resolve(connections, place, options);
  if (found !== undefined) return found;
  throw new NotFoundError('MANIFEST_UNKNOWN', `${formatPlace(place)}: there is no such image`);
}

export function getManifest(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): Promise<Manifest> {
  return reading(connections, place, options, (repository, reference) =>
    readManifest(repository, reference, options),
  );
}

/** Returns the stored bytes, manifest or not; with `platform`, those of the image of the index for that platform. */
export function getRawManifest(
  connections: Connections,
  place: string | Place,
  { platform, ...options }: ReadOptions = {},
): Promise<RawManifest> {
  return reading(connections, place, options, async (repository, reference) => {
    if (platform !== undefined) return readManifest(repository, reference, { platform, ...options });
    const { manifests } = repository;
    return (await manifests.getRaw?.(reference, options)) ?? manifests.get(reference, options);
  });
}

async function readManifest(
  repository: Repository,
  reference: string,
  { platform, ...options }: ReadOptions,
): Promise<Manifest> {
  const root = await repository.manifests.get(reference, options);
  if (platform === undefined || root.body.kind !== 'index') return root;
  const { selectRoot } = await import('../copy/select.ts');
  return selectRoot(repository, root, [platform], options);
}

/** Returns a view of an image; of an index, of its image for `platform`, by default linux/amd64. */
export async function readImage(
  { repository, reference, registry }: OpenedSource,
  options: ReadOptions,
): Promise<Image> {
  const manifest = await readManifest(repository, reference, { platform: defaultPlatform, ...options });
  const { openImage } = await import('../image/open-image.ts');
  return openImage(repository, manifest, { registry });
}

/** The config's exact bytes; of an index, that of the image for `platform`, by default linux/amd64. */
export function getConfig(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): Promise<Uint8Array> {
  return reading(connections, place, options, async (repository, reference) =>
    (await readImage({ repository, reference }, options)).rawConfig(options),
  );
}

/** A view of an image in a registry; its parts are read when they are asked for. */
export async function getImage(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): Promise<Image> {
  return readImage(registrySource(connections, place), options);
}

/**
 * Returns a view of an index in a registry.
 * @throws MANIFEST_INVALID when the manifest is no index
 */
export async function getIndex(
  connections: Connections,
  place: string | Place,
  options: SignalOptions = {},
): Promise<Index> {
  const { repository, reference, registry } = registrySource(connections, place);
  const { openIndex } = await import('../image/open-index.ts');
  return openIndex(repository, await repository.manifests.get(reference, options), { registry });
}

function registrySource(connections: Connections, place: string | Place): OpenedSource {
  return openRegistrySource(connections, toReference(place, 'an image in a registry'));
}

/** @throws MANIFEST_UNKNOWN when there is no such image, or none for `platform` */
export function inspect(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): Promise<Inspection> {
  return reading(connections, place, options, async (repository, reference) => {
    const manifest = await readManifest(repository, reference, options);
    if (options.platform !== undefined) {
      const { demandPlatforms } = await import('./demand-platforms.ts');
      await demandPlatforms(repository, manifest, [options.platform], options);
    }
    const { inspectManifest } = await import('./inspect.ts');
    return inspectManifest(repository, manifest, options);
  });
}
