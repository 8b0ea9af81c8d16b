import { join } from 'node:path';
import { type CopyOptions, copyCounted } from '../copy/copy.ts';
import { ContentError, InputError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import { createIndex } from '../image/create-index.ts';
import type { Index } from '../image/image-index.ts';
import { openIndex } from '../image/open-index.ts';
import { sourceOf } from '../image/source.ts';
import type { LayoutRepository } from '../layout/repository.ts';
import type { Repository } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { type EditedImage, type EditOptions, editView } from './edit.ts';
import { indexNotes } from './index-notes.ts';
import { openForWriting } from './open.ts';
import { formatPlace, type LayoutPlace, type Place, toPlace } from './place.ts';
import { type Watch, watching } from './watch.ts';
import { writeView } from './write-view.ts';

/** Settings of every verb that changes an index. */
export interface EditIndexOptions
  extends Omit<EditOptions, 'platforms' | 'keepAttestations' | 'indexAnnotations'> {
  /** Annotations of the index itself; null removes one. */
  readonly annotations?: Readonly<Record<string, string | null>> | undefined;
  /**
   * Takes all images of a layout as one index, its index.json, and changes that. The place is then a layout without a name.
   * @defaultValue `false`
   */
  readonly index?: boolean | undefined;
}

/** A change of an index. */
export type IndexEdit = (index: Index) => Index | Promise<Index>;

/** Changes an index at any place. `makes` decides about a layout that does not exist yet. */
export async function editIndex(
  connections: Connections,
  source: string | Place,
  change: IndexEdit,
  { annotations, index = false, ...options }: EditIndexOptions = {},
  { makes = false }: { readonly makes?: boolean } = {},
): Promise<EditedImage> {
  const origin = toPlace(source);
  const annotated: IndexEdit = async (view) => {
    const changed = await change(view);
    return annotations === undefined ? changed : changed.withAnnotations(annotations);
  };
  if (index) {
    const place = layoutOf(origin);
    // The reading reports that there is no layout.
    if (!makes && !(await isThere(place.path))) await openToRead(place.path, options.signal);
    return editLayout(connections, place, annotated, options);
  }
  return editView(
    connections,
    origin,
    async (view, { warn }) => {
      if (view.kind === 'image') throw noIndex(origin);
      const changed = await annotated(view);
      for (const note of await indexNotes(view, changed, { signal: options.signal })) warn(note);
      return changed;
    },
    options,
  );
}

/** Returns the error for an image in the place of an index. */
export function noIndex(place: Place): ContentError {
  return new ContentError(
    'MANIFEST_INVALID',
    `${formatPlace(place)} is an image and no index: \`gantry index create\` makes an index of images`,
  );
}

/**
 * Returns a layout as a whole.
 * @throws INVALID_OPTION for any other place
 */
export function layoutOf(place: Place): LayoutPlace {
  if (place.kind === 'oci' && place.name === undefined) return place;
  throw new InputError(
    'INVALID_OPTION',
    `${formatPlace(place)} is no layout as a whole, which "index" takes: name the folder alone`,
  );
}

/** Changes index.json, as an index of all images of the layout. A layout that does not exist yet has none. */
async function editLayout(
  connections: Connections,
  place: LayoutPlace,
  change: IndexEdit,
  { to, dryRun = false, replace, noWait, onWait, jobs, nondistributable, ...options }: EditOptions,
): Promise<EditedImage> {
  return watching(options, async (watch) => {
    const { signal } = watch;
    const isRead = to !== undefined || dryRun;
    await using layout = isRead
      ? (await isThere(place.path))
        ? await openToRead(place.path, signal)
        : undefined
      : await openForWriting(place.path, { noWait, onWait, signal });
    const before =
      layout !== undefined && (await isThere(place.path))
        ? openIndex(layout, await layout.index({ signal }))
        : createIndex([]);
    const after = await change(before);
    for (const note of await indexNotes(before, after, { signal })) connections.warn(place.path, note);
    const { descriptor } = await after.manifest({ signal });
    const settings = { jobs, nondistributable };
    const target = to === undefined ? place : toPlace(to);
    if (to !== undefined && !dryRun)
      await writeView(connections, { view: after, target }, watch, { ...settings, replace, noWait, onWait });
    const old = (await before.manifest({ signal })).descriptor;
    if (!isRead && layout !== undefined && old.digest !== descriptor.digest) {
      await copyEntries(after, before, layout, watch, settings);
      await layout.replaceIndex(await after.manifest({ signal }));
      await layout.commit({ signal });
    }
    return { descriptor, before: old, place: target };
  });
}

async function isThere(path: string): Promise<boolean> {
  return (await lookAt(join(path, 'index.json'))) !== undefined;
}

async function openToRead(path: string, signal: AbortSignal | undefined): Promise<LayoutRepository> {
  const { openLayout } = await import('../layout/repository.ts');
  return openLayout(path, { mode: 'read', signal });
}

/** Copies the entries that the layout does not have. */
async function copyEntries(
  after: Index,
  before: Index,
  layout: Repository,
  { ledger, signal }: Watch,
  settings: CopyOptions,
): Promise<void> {
  const there = (await before.manifest({ signal })).body.manifests.map(({ digest }) => digest);
  const source = await sourceOf(after, { signal });
  for (const { digest } of (await after.manifest({ signal })).body.manifests) {
    if (!there.includes(digest))
      await copyCounted(source.repository, digest, layout, { ...settings, signal }, { ledger });
  }
}
