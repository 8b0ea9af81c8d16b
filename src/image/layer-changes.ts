import { ContentError } from '../errors.ts';
import type { TarEntry, TarType } from '../tar/entry.ts';
import { isSafeName, safeName } from '../tar/name.ts';
import { Bits } from './bits.ts';
import { Column } from './columns.ts';
import { createHeaderStore, type HeaderStore, type StoredHeader } from './header-store.ts';
import { PathTable } from './path-table.ts';

/** The changes that one layer makes to the tree of the layers below. */
export interface LayerChanges {
  /** All paths of the layers; the other members have their numbers. */
  readonly paths: PathTable;
  /** The number of entries that are no whiteouts, in the order of the tar. Their numbers are below it. */
  readonly count: number;
  pathOf(entry: number): number;
  /** The path that a hard link names; undefined for every other entry. */
  targetOf(entry: number): number | undefined;
  typeOf(entry: number): TarType;
  headerOf(entry: number): StoredHeader;
  /** Whether any entry is a hard link. */
  readonly hasLinks: boolean;
  /** Paths that do not exist in the layers below, from whiteouts. */
  readonly removed: readonly number[];
  /** Directories with an opaque whiteout: it hides their content in the layers below. */
  readonly emptied: readonly number[];
  /** The first path that the layer lists twice, which a layer must not do. */
  readonly twice: string | undefined;
  /** Sentences about entries that no tool can apply. They are left out. */
  readonly faults: readonly string[];
  /** Whether the layer has more entries than gantry keeps. The others are left out. */
  readonly isCut: boolean;
}

/** Collects the changes of one layer from the entries of its tar. */
export interface LayerReader {
  /** @throws TOO_LARGE when the names of the layer have more characters than gantry keeps */
  add(header: TarEntry): void;
  changes(): LayerChanges;
}

/** All names of an image together, an attack on memory above. Large images have half a million. */
export const maxFiles = 1_000_000;
/** In characters, for all names, targets and attributes of a layer together; a whole distribution has 10 MiB. All are kept. */
const maxNames = 128 * 2 ** 20;
/** In characters. No system opens longer paths, and each part of a path takes memory. */
const maxPath = 4096;
/** Sentences about one layer. More would not help. */
const maxFaults = 20;

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
/** Metadata of aufs, which is no content. */
const metadata = '.wh..wh.';

/**
 * Makes the reader of one layer. It enters the paths into the table of the image.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#representing-changes
 */
export function createLayerReader(what: string, paths: PathTable = new PathTable()): LayerReader {
  return new Reader(what, paths);
}

class Reader implements LayerReader, LayerChanges {
  readonly paths: PathTable;
  readonly removed: number[] = [];
  readonly emptied: number[] = [];
  readonly faults: string[] = [];
  twice: string | undefined;
  hasLinks = false;
  isCut = false;
  readonly #what: string;
  readonly #headers: HeaderStore = createHeaderStore();
  readonly #entryPaths = new Column();
  /** The path that a hard link names, and one more. */
  readonly #targets = new Column();
  readonly #seen = new Bits();
  #room = maxNames;
  #position = 0;

  constructor(what: string, paths: PathTable) {
    this.#what = what;
    this.paths = paths;
  }

  get count(): number {
    return this.#headers.size;
  }

  pathOf(entry: number): number {
    return this.#entryPaths.get(entry);
  }

  targetOf(entry: number): number | undefined {
    const target = this.#targets.get(entry);
    return target === 0 ? undefined : target - 1;
  }

  typeOf(entry: number): TarType {
    return this.#headers.typeOf(entry);
  }

  headerOf(entry: number): StoredHeader {
    return this.#headers.get(entry);
  }

  changes(): LayerChanges {
    return this;
  }

  add(header: TarEntry): void {
    const fault = this.#faultOf(header, this.#position++);
    if (fault !== undefined && this.faults.length < maxFaults) this.faults.push(fault);
  }

  /** Keeps an entry. Returns a sentence about one that no tool can apply. */
  #faultOf(header: TarEntry, position: number): string | undefined {
    const text = pathOf(header.name, this.#what);
    if (text === undefined) return `contains "${shown(header.name)}", which is no path in an image`;
    this.#room -= text.length + 1 + (header.linkname?.length ?? 0) + sizeOfAttributes(header);
    if (this.#room < 0) throw tooManyNames(this.#what);
    const path = this.paths.enterText(text);
    if (this.#seen.has(path)) this.twice ??= text;
    this.#seen.add(path);
    const { kind, path: changed } = changeOf(text);
    if (kind === 'removed') this.removed.push(this.paths.enterText(changed));
    if (kind === 'emptied') this.emptied.push(this.paths.enterText(changed));
    if (kind === 'invalid') return `contains the whiteout "${shown(text)}" of no path`;
    if (kind !== 'added') return undefined;
    if (text === '.' && header.type !== 'directory') return 'lists its root, and not as a directory';
    const { linkname = '' } = header;
    if (header.type === 'symlink' && linkname.length > maxPath)
      return `contains "${shown(text)}", a symbolic link with more than ${maxPath} characters`;
    const target = header.type === 'link' ? pathOf(linkname, this.#what) : undefined;
    if (header.type === 'link' && target === undefined) {
      return `contains "${shown(text)}", a hard link to no path in an image`;
    }
    this.#keep(header, { position, path, target });
    return undefined;
  }

  #keep(
    header: TarEntry,
    {
      position,
      path,
      target,
    }: { readonly position: number; readonly path: number; readonly target?: string | undefined },
  ): void {
    const entry = this.#headers.size;
    this.isCut ||= entry >= maxFiles;
    if (this.isCut) return;
    this.#headers.add(header, position);
    this.#entryPaths.set(entry, path);
    if (target === undefined) return;
    this.#targets.set(entry, this.paths.enterText(target) + 1);
    this.hasLinks = true;
  }
}

function sizeOfAttributes({ xattrs, windows }: TarEntry): number {
  let size = 0;
  for (const [name, value] of xattrs ?? []) size += name.length + value.byteLength;
  for (const [name, value] of windows ?? []) size += name.length + value.length;
  return size;
}

/** Normalizes a name in a layer. Unlike in other tars, a slash at the beginning means the root of the image. */
export function pathOf(name: string, what: string): string | undefined {
  const relative = name.replace(/^\/+/, '') || '.';
  return name !== '' && name.length <= maxPath && isSafeName(relative) ? safeName(relative, what) : undefined;
}

/** The meaning of a path in a layer. */
export interface PathChange {
  readonly kind: 'added' | 'removed' | 'emptied' | 'ignored' | 'invalid';
  readonly path: string;
}

/** Returns the meaning of a path in a layer. */
export function changeOf(path: string): PathChange {
  if (!path.includes(whiteout)) return { kind: 'added', path };
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  const parent = parts.slice(0, -1).join('/') || '.';
  if (name === opaque) return { kind: 'emptied', path: parent };
  if (parts.some((part) => part.startsWith(metadata))) return { kind: 'ignored', path };
  if (!name.startsWith(whiteout)) return { kind: 'added', path };
  const rest = name.slice(whiteout.length);
  if (rest === '' || rest === '.' || rest === '..') return { kind: 'invalid', path };
  return { kind: 'removed', path: parent === '.' ? rest : `${parent}/${rest}` };
}

/** Shortens a name for a message. */
export function shown(name: string): string {
  return name.length > 200 ? `${name.slice(0, 200)}…` : name;
}

function tooManyNames(what: string): ContentError {
  return new ContentError('TOO_LARGE', `${what}: its names have more than ${maxNames} characters in all`, {
    expected: maxNames,
  });
}
