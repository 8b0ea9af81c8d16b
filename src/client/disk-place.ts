import { join } from 'node:path';
import { lookAt } from '../files/files.ts';
import { createWorkLedger, type WorkLedger } from '../flow/work.ts';
import { refNameAnnotation } from '../spec/annotation.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { absentImage } from './daemon-place.ts';
import { type DaemonPlace, formatPlace, type LocalPlace } from './place.ts';
import { openArchiveAt } from './standard.ts';

/** A place on this machine with everything that it names. */
export interface DiskPlace {
  readonly path: string;
  readonly repository: Repository;
  readonly entries: readonly DiskEntry[];
  /**
   * True for an archive and for an unpacked one: Docker saves an index with only some of its images. A layout of another
   * tool that lacks images is damaged.
   */
  readonly isPartial: boolean;
  /** Whether an entry without a name belongs to another entry: oras lists children and referrers like that. */
  readonly namesItsImages: boolean;
  /** The list of the entries as a manifest, if the place has one that can be pushed. */
  readonly index?: () => Promise<Manifest>;
}

/** An image or index that a place on disk names. */
export interface DiskEntry {
  readonly names: readonly string[];
  /** Absent when only loading the entry tells it. */
  readonly digest?: Digest;
  /** The entry as the place lists it. */
  readonly entry?: Descriptor;
  platform(options?: SignalOptions): Promise<Platform | undefined>;
  load(options?: SignalOptions): Promise<Descriptor>;
}

/** Settings for opening a place on disk. */
export interface OpenPlaceOptions extends SignalOptions {
  /** The platforms that the caller needs. A daemon then gives no others, if it can choose. */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /** Counts the unpacking, packing and hashing of the content of an archive. */
  readonly works?: WorkLedger | undefined;
}

/** Opens a place on this machine for reading. */
export async function openDiskPlace(
  connections: Connections,
  place: LocalPlace,
  options: OpenPlaceOptions,
): Promise<DiskPlace> {
  switch (place.kind) {
    case 'oci':
      return openLayoutPlace(place.path, { signal: options.signal });
    case 'oci-archive':
    case 'docker-archive':
      return openArchivePlace(connections, place.path, options);
    case 'docker-daemon':
      return openDaemonPlace(connections, place, options);
    default:
      return place satisfies never;
  }
}

async function openLayoutPlace(path: string, options: SignalOptions): Promise<DiskPlace> {
  const { openLayout } = await import('../layout/repository.ts');
  const layout = await openLayout(path, { ...options, mode: 'read' });
  const entries = (await layout.roots(options)).map((root) => layoutEntry(layout, root));
  const index = (): Promise<Manifest> => layout.index(options);
  const isPartial = (await lookAt(join(path, 'manifest.json')))?.isFile() === true;
  return { path, repository: layout, entries, isPartial, namesItsImages: true, index };
}

/** Opens an archive of either form: its content tells which form it has. */
async function openArchivePlace(
  connections: Connections,
  path: string,
  { works = createWorkLedger(), signal }: OpenPlaceOptions,
): Promise<DiskPlace> {
  const onWarning = (text: string): void => connections.warn(path, text);
  const archive = await openArchiveAt(connections, path, { signal, onWarning }, works);
  const namesItsImages = archive.format === 'oci';
  return { path, repository: archive, entries: archive.entries, isPartial: true, namesItsImages };
}

/** Opens an image that the daemon saves as an archive. */
async function openDaemonPlace(
  connections: Connections,
  place: DaemonPlace,
  { works = createWorkLedger(), platforms, signal }: OpenPlaceOptions,
): Promise<DiskPlace> {
  const path = formatPlace(place);
  const onWarning = (text: string): void => connections.warn(path, text);
  const { saveImage } = await import('../daemon/save.ts');
  const engine = await connections.daemon();
  const archive = await saveImage(engine, place.name, { platforms, signal, onWarning }, works);
  if (archive === undefined) throw absentImage(engine, place);
  return { path, repository: archive, entries: archive.entries, isPartial: true, namesItsImages: false };
}

/** Loads the entries of a place, each once. Throws the errors of loading each of them. */
export async function loadAll(
  { entries }: Pick<DiskPlace, 'entries'>,
  options: SignalOptions,
): Promise<readonly Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  for (const entry of entries) {
    const root = await entry.load(options);
    if (!found.has(root.digest)) found.set(root.digest, root);
  }
  return [...found.values()];
}

function layoutEntry(repository: Repository, root: Descriptor): DiskEntry {
  const name = root.annotations?.[refNameAnnotation];
  return {
    names: name === undefined ? [] : [name],
    digest: root.digest,
    entry: root,
    async platform(options = {}) {
      if (root.platform?.os) return root.platform;
      const { platformOfChild } = await import('../copy/select.ts');
      return platformOfChild(repository, root, options);
    },
    load: async () => root,
  };
}
