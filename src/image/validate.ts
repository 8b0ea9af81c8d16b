import { ContentError, isGantryError } from '../errors.ts';
import { collectContent, drain } from '../flow/collect.ts';
import { type Compression, decompressed, type UnpackLimits } from '../flow/compression.ts';
import type { Content } from '../flow/content.ts';
import { counted } from '../flow/count.ts';
import { createHasher } from '../flow/hash.ts';
import { createWork, type WorkObserver, type WorkPart, type WorkSum } from '../flow/work.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { type Descriptor, openable } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import { isConfigType, isDistributable, isLayerType, isManifestType } from '../spec/media-type.ts';
import { formatPlatform } from '../spec/platform.ts';
import { isSchema1 } from '../spec/schema1.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { readTar } from '../tar/read.ts';
import { wrongChildClaims, wrongClaims, wrongCompression } from './claims.ts';
import { openImage } from './image.ts';

/** Settings of a validation. */
export interface ValidateImageOptions extends SignalOptions {
  /** Checks only that all content exists, without reading it. */
  readonly fast?: boolean;
  /** The limits of a layer's decompression. A layer beyond them is a problem. */
  readonly unpack?: UnpackLimits;
  /** Receives the progress of reading configs and layers; never called with `fast`. */
  readonly onEvent?: WorkObserver | undefined;
}

/** A fault of one blob or manifest, in a sentence. */
export interface Problem {
  readonly descriptor: Descriptor;
  readonly message: string;
}

/**
 * Finds the faults of an image or index and of everything below it: missing content, bytes that do not match their
 * digest, layers that do not match the config, platforms in an index that contradict the config. Reports each fault
 * once. Throws the failures of the place itself, such as a lost connection or a missing right.
 */
export async function* validate(
  repository: Repository,
  manifest: Manifest,
  options: ValidateImageOptions = {},
): AsyncIterable<Problem> {
  const work = createWork('read', options.onEvent);
  const told = new Set<string>();
  for await (const problem of validateTree(repository, manifest, {
    options,
    work,
    seen: new Set(),
    depth: 0,
  })) {
    // Images of one index share layers, and an image may list a layer twice.
    const finding = `${problem.descriptor.digest} ${problem.message}`;
    if (told.has(finding)) continue;
    told.add(finding);
    yield problem;
  }
}

/** Real indexes are at most two levels deep. An unlimited depth would allow an attack. */
const maxDepth = 8;

interface Walk {
  readonly options: ValidateImageOptions;
  readonly work: WorkSum;
  /** The digests already checked, since indexes may list each other's children many times. */
  readonly seen: Set<Digest>;
  readonly depth: number;
}

async function* validateTree(repository: Repository, manifest: Manifest, walk: Walk): AsyncIterable<Problem> {
  const { body, descriptor } = manifest;
  if (body.kind === 'image') {
    yield* validateImage(repository, body, walk);
  } else if (body.kind !== 'index') {
    yield {
      descriptor,
      message: isSchema1(descriptor)
        ? 'is a docker schema 1 manifest, which is no longer an image format'
        : 'is neither an image nor an index',
    };
  } else if (walk.depth > maxDepth) {
    yield { descriptor, message: `is nested more than ${maxDepth} deep` };
  } else {
    for (const child of body.manifests) {
      if (walk.seen.has(child.digest)) continue;
      walk.seen.add(child.digest);
      yield* validateChild(repository, child, { ...walk, depth: walk.depth + 1 });
    }
  }
}

async function* validateChild(repository: Repository, child: Descriptor, walk: Walk): AsyncIterable<Problem> {
  const { options } = walk;
  if (!isManifestType(child.mediaType)) {
    // An index may list anything. Content that the place stores as a manifest is one; all other content is a blob.
    const known = await repository.manifests.resolve(child.digest, options);
    if (known === undefined) {
      yield* validateBlob(repository, child, options, partOf(walk, child));
      return;
    }
  }
  const manifest = await found(() => repository.manifests.get(child.digest, options));
  if (typeof manifest === 'string') {
    yield { descriptor: child, message: manifest };
    return;
  }
  for (const message of wrongChildClaims(child, manifest)) yield { descriptor: child, message };
  yield* validateTree(repository, manifest, walk);
  const { body } = manifest;
  if (options.fast === true || body.kind !== 'image' || child.platform === undefined) return;
  if (!isConfigType(body.config.mediaType)) return;
  const config = await found(() => openImage(repository, manifest).config(options));
  if (typeof config === 'string') return;
  const { os, architecture } = child.platform;
  if (os !== 'unknown' && (config.os !== os || config.architecture !== architecture)) {
    const message = `is for ${config.os}/${config.architecture}, but its index names ${formatPlatform(child.platform)}`;
    yield { descriptor: child, message };
  }
}

/** Adds a blob to the work. The total grows while it is read if its manifest leaves out the size. */
function partOf({ options, work }: Walk, blob: Descriptor): WorkPart | undefined {
  if (options.fast === true) return undefined;
  return work.begin(blob.unsized === true ? undefined : blob.size);
}

async function* validateImage(
  repository: Repository,
  body: ImageManifest,
  walk: Walk,
): AsyncIterable<Problem> {
  const { options } = walk;
  const layers = body.layers.filter((layer) => isDistributable(layer.mediaType));
  for (const descriptor of [body.config, ...layers]) {
    for (const message of wrongClaims(descriptor)) yield { descriptor, message };
  }
  if (options.fast === true) {
    for (const blob of [body.config, ...layers]) yield* validateBlob(repository, blob, options);
    return;
  }
  // Adds all blobs of the image before the first is read, so that the total is known from the beginning.
  const configPart = partOf(walk, body.config);
  const layerParts = layers.map((layer) => ({ layer, part: partOf(walk, layer) }));
  const what = `config ${body.config.digest}`;
  const raw = await found(() =>
    collectContent(openStored(repository, body.config), { limit: configLimit, what, signal: options.signal }),
  );
  configPart?.settle();
  if (typeof raw === 'string') yield { descriptor: body.config, message: raw };
  const diffIds =
    typeof raw === 'string' || !isConfigType(body.config.mediaType) ? undefined : await diffIdsOf(raw);
  if (typeof diffIds === 'string') yield { descriptor: body.config, message: diffIds };
  else if (diffIds !== undefined && diffIds.length !== body.layers.length) {
    const message = `names ${diffIds.length} layers, but the manifest has ${body.layers.length}`;
    yield { descriptor: body.config, message };
  }
  for (const { layer, part } of layerParts) {
    const diffId = Array.isArray(diffIds) ? diffIds[body.layers.indexOf(layer)] : undefined;
    yield* validateLayer(repository, { layer, diffId, part }, options);
  }
}

async function diffIdsOf(rawConfig: Uint8Array): Promise<readonly string[] | string> {
  const config = await found(async () => parseImageConfig(rawConfig));
  return typeof config === 'string' ? config : config.rootfs.diff_ids;
}

/** Opens a blob as the place stores it. The `data` of its descriptor would prove nothing about the place. */
function openStored({ blobs }: Repository, described: Descriptor): Content {
  const { data: _, ...blob } = described;
  return blobs.open(openable(blob));
}

/** Checks a blob without a known format: that it exists and matches its digest. */
async function* validateBlob(
  repository: Repository,
  blob: Descriptor,
  { fast = false, signal }: ValidateImageOptions,
  part?: WorkPart,
): AsyncIterable<Problem> {
  if (fast) {
    const there = await repository.blobs.stat(blob.digest, { signal });
    if (there === undefined) yield { descriptor: blob, message: 'does not exist' };
    else if (blob.unsized !== true && there.size !== blob.size) {
      yield { descriptor: blob, message: `has ${there.size} bytes, but its manifest names ${blob.size}` };
    }
    return;
  }
  const failure = await found(() => drain(metered(openStored(repository, blob).open({ signal }), part)));
  part?.settle();
  if (typeof failure === 'string') yield { descriptor: blob, message: failure };
}

function metered(source: AsyncIterable<Uint8Array>, part: WorkPart | undefined): AsyncIterable<Uint8Array> {
  return part === undefined ? source : counted(source, part.add);
}

interface ExpectedLayer {
  readonly layer: Descriptor;
  readonly diffId: string | undefined;
  readonly part: WorkPart | undefined;
}

async function* validateLayer(
  repository: Repository,
  { layer, diffId, part }: ExpectedLayer,
  { signal, unpack = {} }: ValidateImageOptions,
): AsyncIterable<Problem> {
  if (diffId === undefined || !isLayerType(layer.mediaType)) {
    yield* validateBlob(repository, layer, { signal }, part);
    return;
  }
  const what = `layer ${layer.digest}`;
  let mislabelled: string | undefined;
  const onCompression = (compression: Compression): void => {
    mislabelled = wrongCompression(layer, compression);
  };
  const stored = metered(openStored(repository, layer).open({ signal }), part);
  const seen = await found(() =>
    readLayer(decompressed(stored, { what, limits: unpack, onCompression }), what),
  );
  part?.settle();
  if (typeof seen !== 'string' && mislabelled !== undefined) {
    yield { descriptor: layer, message: mislabelled };
  }
  if (typeof seen === 'string') yield { descriptor: layer, message: seen };
  else if (seen.diffId !== diffId) {
    yield { descriptor: layer, message: `unpacks to ${seen.diffId}, but the config names ${diffId}` };
  } else if (seen.twice !== undefined) {
    yield { descriptor: layer, message: `contains "${seen.twice}" twice` };
  }
}

/**
 * In characters, for all names of a layer together; a whole distribution has 10 MiB. All are kept, to find duplicates.
 */
const maxNames = 128 * 2 ** 20;

/** Reads a layer once. Returns the digest of the tar and its first duplicate path, which a layer must not have. */
async function readLayer(
  tar: AsyncIterable<Uint8Array>,
  what: string,
): Promise<{ readonly diffId: string; readonly twice: string | undefined }> {
  const hasher = createHasher();
  const chunks = tar[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    const chunk = await chunks.next();
    if (chunk.done !== true) hasher.update(chunk.value);
    return chunk;
  };
  const seen = new Set<string>();
  let room = maxNames;
  let twice: string | undefined;
  try {
    // The source has no `return`, so the reader cannot end it: the bytes after the tar's end belong to the digest.
    for await (const { name } of readTar({ [Symbol.asyncIterator]: () => ({ next }) })) {
      const path = name.replace(/\/$/, '');
      room -= path.length + 1;
      if (room < 0) {
        throw new ContentError(
          'TOO_LARGE',
          `${what}: its names have more than ${maxNames} characters in all`,
          {
            expected: maxNames,
          },
        );
      }
      if (seen.has(path)) twice ??= path;
      seen.add(path);
    }
    while ((await next()).done !== true);
  } finally {
    await chunks.return?.();
  }
  return { diffId: hasher.digest(), twice };
}

/**
 * Returns the requested content, or a sentence about its fault. Rethrows errors that tell nothing about the content.
 */
async function found<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask();
  } catch (error) {
    const judged = [
      'DIGEST_INVALID',
      'SIZE_INVALID',
      'MANIFEST_INVALID',
      'TOO_LARGE',
      'BLOB_UNKNOWN',
      'MANIFEST_UNKNOWN',
    ];
    if (isGantryError(error) && judged.includes(error.code)) return error.message;
    throw error;
  }
}
