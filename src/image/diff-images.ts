import { createHasher } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { signal as abortSignal, checkArgument, checkOptions, object, type Shape } from '../spec/options.ts';
import { aView } from '../store/checks.ts';
import { compareBytes } from '../store/listing.ts';
import { type ConfigChange, diffConfigs } from './diff-configs.ts';
import type { FileEntry } from './file-entry.ts';
import type { Image } from './image.ts';
import { type FileSystemOptions, type ImageFileSystem, openFileSystem } from './open-file-system.ts';

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
  // One after the other, so that a layer of both is fetched once.
  const first = sideOf(await openFileSystem(before, options), old.body.layers);
  const second = sideOf(await openFileSystem(after, options), young.body.layers);
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

interface Side {
  readonly fileSystem: ImageFileSystem;
  readonly layers: readonly Descriptor[];
  readonly entries: ReadonlyMap<string, FileEntry>;
}

function sideOf(fileSystem: ImageFileSystem, layers: readonly Descriptor[]): Side {
  return {
    fileSystem,
    layers,
    entries: new Map([...fileSystem.entries()].map((entry) => [entry.path, entry])),
  };
}

/** Returns the file of a name: of a further name of a file, the first one. */
function fileOf({ entries }: Side, entry: FileEntry): FileEntry {
  return (entry.type === 'link' ? entries.get(entry.linkname ?? '') : undefined) ?? entry;
}

async function diffFiles(
  before: Side,
  after: Side,
  options: FileSystemOptions,
): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  /** Pairs of equal size. Their content decides. */
  const open = new Map<
    string,
    { readonly old: FileEntry; readonly young: FileEntry; readonly parts: FilePart[] }
  >();
  for (const [path, entry] of before.entries) {
    const old = fileOf(before, entry);
    const other = after.entries.get(path);
    if (other === undefined) {
      changes.push({ kind: 'deleted', path, before: old.size });
      continue;
    }
    const young = fileOf(after, other);
    const parts = differing(old, young);
    if (
      old.type === 'file' &&
      young.type === 'file' &&
      old.size === young.size &&
      !isOnePlace(before, old, after, young)
    ) {
      open.set(path, { old, young, parts });
    } else if (parts.length > 0)
      changes.push({ kind: 'changed', path, before: old.size, after: young.size, parts });
  }
  for (const [path, entry] of after.entries) {
    if (!before.entries.has(path)) changes.push({ kind: 'added', path, after: fileOf(after, entry).size });
  }
  const olds = await digestsOf(before, new Set([...open.values()].map(({ old }) => old.path)), options);
  const youngs = await digestsOf(after, new Set([...open.values()].map(({ young }) => young.path)), options);
  for (const [path, { old, young, parts }] of open) {
    if (olds.get(old.path) !== youngs.get(young.path)) parts.unshift('content');
    if (parts.length > 0) changes.push({ kind: 'changed', path, before: old.size, after: young.size, parts });
  }
  return changes.sort((a, b) => compareBytes(a.path, b.path));
}

/** Whether two files are one entry of one layer. */
function isOnePlace(before: Side, old: FileEntry, after: Side, young: FileEntry): boolean {
  const [a, b] = [before.fileSystem.locate(old.path), after.fileSystem.locate(young.path)];
  if (a === undefined || b === undefined || a.position !== b.position) return false;
  return before.layers[a.layer]?.digest === after.layers[b.layer]?.digest;
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

async function digestsOf(
  { fileSystem }: Side,
  paths: ReadonlySet<string>,
  { signal }: FileSystemOptions,
): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for await (const { path, body } of fileSystem.files({ wants: (entry) => paths.has(entry.path), signal })) {
    const hasher = createHasher();
    for await (const chunk of body) hasher.update(chunk);
    digests.set(path, hasher.digest());
  }
  return digests;
}
