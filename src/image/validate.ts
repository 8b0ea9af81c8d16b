import { collectContent } from '../flow/collect.ts';
import type { WorkPart } from '../flow/work.ts';
import { platformOf } from '../json/config-facts.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import { isConfigType, isDistributable, isManifestType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import { formatPlatform } from '../spec/platform.ts';
import { isSchema1 } from '../spec/schema1.ts';
import type { Repository } from '../store/contract.ts';
import { wrongChildClaims, wrongClaims } from './claims.ts';
import { createFileSystem } from './filesystem.ts';
import { openImage } from './open-image.ts';
import { found, openStored, type Problem, type ValidateImageOptions, validateBlob } from './validate-blob.ts';
import { type MergedLayers, validateLayer } from './validate-layer.ts';

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
  const told = new Set<string>();
  for await (const problem of validateTree(repository, manifest, {
    options,
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

interface Walk {
  readonly options: ValidateImageOptions;
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
  } else if (walk.depth > maxNesting) {
    yield { descriptor, message: `is nested more than ${maxNesting} deep` };
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
function partOf({ options: { fast, work } }: Walk, blob: Descriptor): WorkPart | undefined {
  if (fast === true) return undefined;
  return work?.begin(blob.unsized === true ? undefined : blob.size);
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
  // Without some of the layers, a link to a file in one of them would look broken.
  const isMerged = layers.length === body.layers.length && typeof raw !== 'string' && !isWindows(raw);
  const merged: MergedLayers = isMerged ? { fileSystem: createFileSystem() } : {};
  for (const { layer, part } of layerParts) {
    const diffId = Array.isArray(diffIds) ? diffIds[body.layers.indexOf(layer)] : undefined;
    yield* validateLayer(repository, { layer, diffId, part, merged }, options);
  }
}

async function diffIdsOf(rawConfig: Uint8Array): Promise<readonly string[] | string> {
  const config = await found(async () => parseImageConfig(rawConfig));
  return typeof config === 'string' ? config : config.rootfs.diff_ids;
}

/** Windows compares names without case, and gantry does not. */
function isWindows(rawConfig: Uint8Array): boolean {
  return platformOf(rawConfig)?.os === 'windows';
}
