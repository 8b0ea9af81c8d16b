import { isGantryError } from '../errors.ts';
import { type Compression, decompressed } from '../flow/compression.ts';
import { createHasher, hashing } from '../flow/hash.ts';
import type { WorkPart } from '../flow/work.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { isLayerType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { scanTar } from '../tar/scan.ts';
import { wrongCompression } from './claims.ts';
import type { FileSystem } from './filesystem.ts';
import { createLayerReader, type LayerChanges } from './layer-changes.ts';
import type { PathTable } from './path-table.ts';
import {
  found,
  metered,
  openStored,
  type Problem,
  type ValidateImageOptions,
  validateBlob,
} from './validate-blob.ts';

/** A layer with the facts that its image states about it. */
export interface ExpectedLayer {
  readonly layer: Descriptor;
  readonly diffId: string | undefined;
  readonly part: WorkPart | undefined;
  /** The file system of the layers below. */
  readonly merged: MergedLayers;
}

/** The file system of the layers so far. Absent after a layer that could not be read, and for a Windows image. */
export interface MergedLayers {
  fileSystem?: FileSystem | undefined;
}

/** Checks a layer: its bytes, its compression, its diff_id, and its entries on top of the layers below. */
export async function* validateLayer(
  repository: Repository,
  { layer, diffId, part, merged }: ExpectedLayer,
  { signal, unpack = {} }: ValidateImageOptions,
): AsyncIterable<Problem> {
  const below = merged.fileSystem;
  merged.fileSystem = undefined;
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
    readLayer(decompressed(stored, { what, limits: unpack, onCompression }), what, below?.tree.paths),
  );
  part?.settle();
  if (typeof seen === 'string') {
    yield { descriptor: layer, message: seen };
    return;
  }
  if (mislabelled !== undefined) yield { descriptor: layer, message: mislabelled };
  if (seen.diffId !== diffId) {
    yield { descriptor: layer, message: `unpacks to ${seen.diffId}, but the config names ${diffId}` };
    return;
  }
  const { changes } = seen;
  if (changes.twice !== undefined) yield { descriptor: layer, message: `contains "${changes.twice}" twice` };
  const faults = below === undefined ? changes.faults : apply(below, changes);
  merged.fileSystem = faults === undefined ? undefined : below;
  for (const message of faults ?? changes.faults) yield { descriptor: layer, message };
}

/** Returns undefined for an image with more files than gantry keeps. */
function apply(fileSystem: FileSystem, changes: LayerChanges): readonly string[] | undefined {
  try {
    return fileSystem.apply(changes);
  } catch (error) {
    if (isGantryError(error, 'TOO_LARGE')) return undefined;
    throw error;
  }
}

/** Reads a layer once. Returns the digest of the tar and its changes. */
async function readLayer(
  tar: AsyncIterable<Uint8Array>,
  what: string,
  paths: PathTable | undefined,
): Promise<{ readonly diffId: string; readonly changes: LayerChanges }> {
  const hasher = createHasher();
  const reader = createLayerReader(what, paths);
  const scan = scanTar(what, (entry) => reader.add(entry));
  for await (const chunk of hashing(tar, hasher)) scan.push(chunk);
  scan.end();
  return { diffId: hasher.digest(), changes: reader.changes() };
}
