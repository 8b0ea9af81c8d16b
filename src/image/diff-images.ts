import { createHasher } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { signal as abortSignal, checkArgument, checkOptions, object, type Shape } from '../spec/options.ts';
import { aView } from '../store/checks.ts';
import { compareBytes } from '../store/listing.ts';
import { Bits } from './bits.ts';
import { type ConfigChange, diffConfigs } from './diff-configs.ts';
import type { FileEntry } from './file-entry.ts';
import { entryOf } from './file-listing.ts';
import type { FileTree } from './file-tree.ts';
import type { Image } from './image.ts';
import { LayerBodies } from './layer-bodies.ts';
import { type FileSystemOptions, type MergedImage, mergeLayers, opener } from './open-file-system.ts';
import { PathTable, rootPath } from './path-table.ts';

/** A part of a file that differs. */
export type FilePart = 'type' | 'content' | 'target' | 'mode' | 'owner' | 'device' | 'extended attributes';

/** A path that only one of two images has, or that they have differently. */
export interface FileChange {
  /** Whether only the second image has the path, only the first, or both with a difference. */
  readonly kind: 'added' | 'deleted' | 'changed';
  /** The path without a slash at either end. */
  readonly path: string;
  /** Bytes of the content in the first image. Absent for an added path. */
  readonly before?: number | undefined;
  /** Bytes of the content in the second image. Absent for a deleted path. */
  readonly after?: number | undefined;
  /** For a changed path: the parts that differ. */
  readonly parts?: readonly FilePart[] | undefined;
}

/** A layer of two images. */
export interface LayerChange {
  /** Whether both images have the layer, only the second, or only the first. */
  readonly kind: 'same' | 'added' | 'deleted';
  /** As its manifest describes it. */
  readonly layer: Descriptor;
}

/** The differences of two images. */
export interface ImageDiff {
  /** Whether both are one image, by their digests. */
  readonly isSame: boolean;
  /** The members of the configs that differ, except for layers, history and time. */
  readonly config: readonly ConfigChange[];
  /** The layers of both, in order: those of the first image that the second lacks before those that only the second has. */
  readonly layers: readonly LayerChange[];
  /** The paths that differ, in byte order. Times are no difference. */
  readonly files: readonly FileChange[];
}

const shape: Shape<FileSystemOptions> = { signal: abortSignal, unpack: object };

/**
 * Compares two images: their configs, layers and files. Files of equal size are compared by their content, unless both come
 * from the same place in the same layer. Times of files are left out, since most builds change them.
 * @throws MANIFEST_INVALID, UNSUPPORTED and TOO_LARGE, as `openFileSystem`
 * @example
 * ```ts
 * import { createClient, diffImages } from 'gantry';
 *
 * await using client = createClient();
 * const [before, after] = await Promise.all(
 *   ['alpine:3.20', 'ghcr.io/acme/app:1'].map((name) => client.getImage(name)),
 * );
 * if (before !== undefined && after !== undefined) console.log((await diffImages(before, after)).files);
 * ```
 */
export async function diffImages(
  before: Image,
  after: Image,
  options: FileSystemOptions = {},
): Promise<ImageDiff> {
  checkArgument('diffImages', 'before', before, aView);
  checkArgument('diffImages', 'after', after, aView);
  checkOptions('diffImages', options, shape);
  const { signal } = options;
  const [old, young] = [await before.manifest({ signal }), await after.manifest({ signal })];
  const config = diffConfigs(await before.rawConfig({ signal }), await after.rawConfig({ signal }));
  const isSame = old.descriptor.digest === young.descriptor.digest;
  const layers = diffLayers(old.body.layers, young.body.layers);
  if (isSame) return { isSame, config, layers, files: [] };
  const paths = new PathTable();
  // One after the other, so that a layer of both is fetched once.
  const first = sideOf(await mergeLayers(before, paths, options), old.body.layers);
  const second = sideOf(await mergeLayers(after, paths, options), young.body.layers);
  return { isSame, config, layers, files: await diffFiles(first, second, options) };
}

function diffLayers(before: readonly Descriptor[], after: readonly Descriptor[]): readonly LayerChange[] {
  const shared = before.findIndex(({ digest }, at) => after[at]?.digest !== digest);
  const same = shared === -1 ? before.length : shared;
  return [
    ...before.slice(0, same).map((layer) => ({ kind: 'same', layer }) as const),
    ...before.slice(same).map((layer) => ({ kind: 'deleted', layer }) as const),
    ...after.slice(same).map((layer) => ({ kind: 'added', layer }) as const),
  ];
}

/** One of two images. Their trees have one table of paths. */
interface Side extends MergedImage {
  readonly tree: FileTree;
  readonly descriptors: readonly Descriptor[];
}

function sideOf(merged: MergedImage, descriptors: readonly Descriptor[]): Side {
  return { ...merged, tree: merged.fileSystem.tree, descriptors };
}

/** Two files of equal size. Their content decides. */
interface OpenPair {
  readonly path: number;
  readonly old: number;
  readonly young: number;
  readonly parts: FilePart[];
}

async function diffFiles(
  before: Side,
  after: Side,
  options: FileSystemOptions,
): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  const open: OpenPair[] = [];
  for (const [path, hasOld, hasYoung] of pathsOf(before.tree, after.tree)) {
    const [old, young] = [before.tree.inodeOf(path), after.tree.inodeOf(path)];
    if (hasOld && hasYoung && isOnePlace(before, old, after, young)) continue;
    const name = before.tree.paths.textOf(path);
    const was = hasOld ? entryOf(before.tree, path, name) : undefined;
    const is = hasYoung ? entryOf(after.tree, path, name) : undefined;
    if (was === undefined) changes.push({ kind: 'added', path: name, after: is?.size });
    else if (is === undefined) changes.push({ kind: 'deleted', path: name, before: was.size });
    else {
      const parts = differing(was, is);
      const isOpen = was.type === 'file' && is.type === 'file' && was.size === is.size;
      if (isOpen && old !== undefined && young !== undefined) open.push({ path, old, young, parts });
      else if (parts.length > 0)
        changes.push({ kind: 'changed', path: name, before: was.size, after: is.size, parts });
    }
  }
  const olds = await digestsOf(before, new Set(open.map(({ old }) => old)), options);
  const youngs = await digestsOf(after, new Set(open.map(({ young }) => young)), options);
  for (const { path, old, young, parts } of open) {
    if (olds.get(old) !== youngs.get(young)) parts.unshift('content');
    const { size } = before.tree.inodes.headerOf(old);
    const name = before.tree.paths.textOf(path);
    if (parts.length > 0) changes.push({ kind: 'changed', path: name, before: size, after: size, parts });
  }
  return changes.sort((a, b) => compareBytes(a.path, b.path));
}

/** Yields the paths that are a node of at least one of two trees. A parent has a smaller number than its children. */
function* pathsOf(
  before: FileTree,
  after: FileTree,
): Iterable<readonly [path: number, hasOld: boolean, hasYoung: boolean]> {
  const [olds, youngs] = [new Bits(), new Bits()];
  olds.add(rootPath);
  youngs.add(rootPath);
  for (let path = 1; path < before.paths.size; path++) {
    const parent = before.paths.parentOf(path);
    const hasOld = olds.has(parent) && before.has(path);
    const hasYoung = youngs.has(parent) && after.has(path);
    if (hasOld && before.isDirectory(path)) olds.add(path);
    if (hasYoung && after.isDirectory(path)) youngs.add(path);
    if (hasOld || hasYoung) yield [path, hasOld, hasYoung];
  }
}

/** Whether two files are one entry of one layer. */
function isOnePlace(before: Side, old: number | undefined, after: Side, young: number | undefined): boolean {
  if (old === undefined || young === undefined) return old === young;
  const [a, b] = [before.tree.inodes, after.tree.inodes];
  const isOneLayer =
    before.descriptors[a.layerOf(old)]?.digest === after.descriptors[b.layerOf(young)]?.digest;
  return isOneLayer && a.headerOf(old).position === b.headerOf(young).position;
}

/** Returns the parts that differ by the headers alone. */
function differing(old: FileEntry, young: FileEntry): FilePart[] {
  const parts: FilePart[] = [];
  if (old.type !== young.type) parts.push('type');
  else if (old.size !== young.size) parts.push('content');
  if (old.linkname !== young.linkname) parts.push('target');
  if (old.mode !== young.mode) parts.push('mode');
  if (old.uid !== young.uid || old.gid !== young.gid) parts.push('owner');
  if (old.device?.major !== young.device?.major || old.device?.minor !== young.device?.minor)
    parts.push('device');
  if (textOf(old) !== textOf(young)) parts.push('extended attributes');
  return parts;
}

function textOf({ xattrs = new Map<string, Uint8Array>() }: FileEntry): string {
  const sorted = [...xattrs].toSorted(([a], [b]) => compareBytes(a, b));
  return JSON.stringify(sorted.map(([name, value]) => [name, [...value]]));
}

/** Returns the digests of the content of some files. */
async function digestsOf(
  { tree, layers }: Side,
  files: ReadonlySet<number>,
  options: FileSystemOptions,
): Promise<ReadonlyMap<number, string>> {
  const digests = new Map<number, string>();
  const bodies = new LayerBodies(opener(layers, options));
  try {
    for (const file of [...files].sort((a, b) => a - b)) {
      options.signal?.throwIfAborted();
      await bodies.openLayer(tree.inodes.layerOf(file));
      const hasher = createHasher();
      for await (const chunk of bodies.body(tree.inodes.headerOf(file))) hasher.update(chunk);
      digests.set(file, hasher.digest());
    }
    await bodies.finish();
  } finally {
    await bodies.close();
  }
  return digests;
}
