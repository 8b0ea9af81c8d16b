import { ContentError, InputError, NotFoundError } from '../../errors.ts';
import type { JsonChange } from '../../json/edit.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { type Digest, parseDigest } from '../../spec/digest.ts';
import { isAttestationOf } from '../../spec/manifest.ts';
import {
  arrayOf,
  callback,
  checkArgument,
  checkOptions,
  flag,
  object,
  optionsOf,
  recordOf,
  type Shape,
  text,
} from '../../spec/options.ts';
import { aPlatform, formatPlatform, type Platform, toPlatform } from '../../spec/platform.ts';
import {
  aPlatformPattern,
  formatPlatformPattern,
  isSamePlatform,
  matchesPattern,
  type PlatformPattern,
  toPlatformPattern,
} from '../../spec/platform-pattern.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import {
  type AddedImages,
  type Index,
  type IndexContent,
  type IndexEntry,
  type IndexView,
  madeChildren,
} from '../image-index.ts';
import { nullableText } from './config-edit.ts';
import { editIndexDocument } from './index-document.ts';
import { annotated, type NewEntry, newEntries, platformOfView, removedEntries } from './index-entries.ts';

/** Opens the images and indexes among these entries from the place of an index. */
export type OpenEntries = (
  entries: readonly Descriptor[],
  options?: SignalOptions,
) => Promise<readonly (Image | Index)[]>;

/** A changed index. */
interface Changed {
  readonly manifest: IndexView;
  /** The images and indexes that the change adds. */
  readonly added?: readonly (Image | Index)[] | undefined;
}

const entryShape: Shape<IndexEntry> = { image: aView, platform: aPlatform, annotations: object };
const addedShape: Shape<AddedImages> = { flatten: flag };

/** Checks entries from plain JavaScript. */
export function checkEntries(what: string, entries: readonly IndexEntry[]): void {
  checkArgument(what, 'entries', entries, arrayOf(optionsOf(entryShape)));
  for (const [at, { image }] of entries.entries())
    checkArgument(`${what}: "entries"[${at}]`, 'image', image, aView);
}

/** Gives an index its changes. `open` opens entries of an index that was opened in a place. */
export function changeableIndex(content: IndexContent, open?: OpenEntries): Index {
  const changed = (change: Change): Index => changedIndex(content, change, open);
  return {
    ...content,
    withImages(entries, options = {}) {
      checkEntries('withImages', entries);
      checkOptions('withImages', options, addedShape);
      return changed(async (root, read) => withEntries(root, await newEntries(entries, options, read)));
    },
    withoutPlatforms(platforms) {
      checkArgument('withoutPlatforms', 'platforms', platforms, arrayOf(aPlatform));
      const wanted = platforms.map(toPlatform);
      return changed(async (root) => {
        for (const one of wanted)
          demand(root, `for platform ${formatPlatform(one)}`, (entry) => isSamePlatform(entry.platform, one));
        return without(root, ({ platform }) => wanted.some((one) => isSamePlatform(platform, one)));
      });
    },
    withoutDigests(digests) {
      checkArgument('withoutDigests', 'digests', digests, arrayOf(text));
      const wanted = new Set<string>(digests.map(parseDigest));
      return changed(async (root) => {
        for (const one of wanted) demand(root, `of digest ${one}`, ({ digest }) => digest === one);
        return without(root, ({ digest }) => wanted.has(digest));
      });
    },
    withOnlyPlatforms(platforms) {
      checkArgument('withOnlyPlatforms', 'platforms', platforms, arrayOf(aPlatformPattern));
      const patterns = platforms.map(toPlatformPattern);
      if (patterns.length === 0)
        throw new InputError('INVALID_OPTION', 'withOnlyPlatforms: "platforms" is an empty list');
      return changed(async (root, read) => {
        const known = await platformsOf(root, content, read);
        const fits = (at: number, pattern: PlatformPattern): boolean => {
          const have = known[at];
          return have !== undefined && matchesPattern(have, pattern);
        };
        for (const one of patterns)
          demand(root, `for platform ${formatPlatformPattern(one)}`, (_, at) => fits(at, one));
        return onlyEntries(root, (_, at) => patterns.some((one) => fits(at, one)));
      });
    },
    withoutEntries(matches) {
      checkArgument('withoutEntries', 'matches', matches, callback);
      return changed(async (root) => without(root, matches));
    },
    withAnnotations(annotations) {
      checkArgument('withAnnotations', 'annotations', annotations, recordOf(nullableText));
      const edits = Object.entries(annotations).map(([key, value]) => ({
        path: ['annotations', key] as const,
        value: value ?? undefined,
      }));
      return changed(async (root) => ({ manifest: editIndexDocument(root, edits) }));
    },
  };
}

type Change = (root: IndexView, read: SignalOptions | undefined) => Promise<Changed>;

/** Returns the changed view of an index. Changes the document once, when it is first requested. */
function changedIndex(content: IndexContent, change: Change, open: OpenEntries | undefined): Index {
  let known: Changed | undefined;
  const changed = async (read?: SignalOptions): Promise<Changed> => {
    known ??= await change(await content.manifest(read), read);
    return known;
  };
  const made = async (read?: SignalOptions): Promise<readonly (Image | Index)[]> => {
    const { manifest, added = [] } = await changed(read);
    return inOrder([...(await madeChildren(content, read)), ...added], manifest, read);
  };
  return changeableIndex(
    {
      kind: 'index',
      rest: content.place ?? content.rest,
      manifest: async (read) => (await changed(read)).manifest,
      made,
      async children(read) {
        const { manifest } = await changed(read);
        const own = await made(read);
        const digests = new Set(await Promise.all(own.map((view) => digestOfView(view, read))));
        const others = manifest.body.manifests.filter(({ digest }) => !digests.has(digest));
        const rest = open === undefined ? await content.children(read) : await open(others, read);
        return inOrder([...own, ...rest], manifest, read);
      },
    },
    open,
  );
}

async function digestOfView(view: Image | Index, read: SignalOptions | undefined): Promise<Digest> {
  return (await view.manifest(read)).descriptor.digest;
}

/** Returns the views that the index lists, in its order and each once. */
async function inOrder(
  views: readonly (Image | Index)[],
  { body }: IndexView,
  read: SignalOptions | undefined,
): Promise<readonly (Image | Index)[]> {
  const byDigest = new Map<Digest, Image | Index>();
  for (const view of views) byDigest.set(await digestOfView(view, read), view);
  return [...new Set(body.manifests.map(({ digest }) => digest))].flatMap(
    (digest) => byDigest.get(digest) ?? [],
  );
}

/** Adds entries at the end. The entry of an image that is there already gets the given annotations, and a missing platform. */
function withEntries(root: IndexView, entries: readonly NewEntry[]): Changed {
  const { manifests } = root.body;
  const edits: JsonChange[] = [];
  let fresh: readonly NewEntry[] = [];
  for (const entry of entries) {
    const at = manifests.findIndex((one) => isSameEntry(one, entry.descriptor));
    const there = manifests[at];
    const twin = fresh.find(({ descriptor }) => isSameEntry(descriptor, entry.descriptor));
    if (there !== undefined) {
      const { annotations, platform } = entry.given;
      for (const [key, value] of Object.entries(annotations))
        edits.push({ path: ['manifests', at, 'annotations', key], value });
      if (platform !== undefined && saysNoPlatform(there))
        edits.push({ path: ['manifests', at, 'platform'], value: platform });
    } else if (twin === undefined) fresh = [...fresh, entry];
    else fresh = fresh.map((one) => (one === twin ? annotated(one, entry.given.annotations) : one));
  }
  const added = fresh.map(({ value }, at) => ({
    path: ['manifests', manifests.length + at] as const,
    value,
  }));
  return { manifest: editIndexDocument(root, [...edits, ...added]), added: entries.map(({ view }) => view) };
}

/** An image for two platforms may have two entries. One without a platform stands for all of them. */
function isSameEntry(one: Descriptor, other: Descriptor): boolean {
  return one.digest === other.digest && (saysNoPlatform(one) || isSamePlatform(one.platform, other.platform));
}

/** Removes the entries that match, and the attestations of the removed images. */
function without(root: IndexView, matches: (entry: Descriptor, at: number) => boolean): Changed {
  const { manifests } = root.body;
  const removed = removedEntries(manifests, matches);
  if (removed.size > 0 && removed.size === manifests.length)
    throw new ContentError(
      'MANIFEST_INVALID',
      `nothing would be left in the index ${root.descriptor.digest}: delete it instead`,
    );
  const edits = [...removed].map((at) => ({ path: ['manifests', at] as const, value: undefined }));
  return { manifest: editIndexDocument(root, edits) };
}

/** Keeps the entries that match, and the attestations of these images. */
function onlyEntries(root: IndexView, matches: (entry: Descriptor, at: number) => boolean): Changed {
  const kept = new Set<string>(root.body.manifests.filter(matches).map(({ digest }) => digest));
  return without(root, (entry, at) => !matches(entry, at) && !isAttestationOf(entry, kept));
}

/** Returns the platform of each entry. One that says none has that in the config of its image. */
async function platformsOf(
  { body }: IndexView,
  content: IndexContent,
  read: SignalOptions | undefined,
): Promise<readonly (Platform | undefined)[]> {
  const views = new Map<Digest, Image | Index>();
  if (body.manifests.some(saysNoPlatform))
    for (const view of await content.children(read)) views.set(await digestOfView(view, read), view);
  return Promise.all(
    body.manifests.map(async (entry) => {
      if (!saysNoPlatform(entry)) return entry.platform;
      const view = views.get(entry.digest);
      return view === undefined ? undefined : platformOfView(view, read);
    }),
  );
}

/** Go programs write an absent platform as one of empty strings. */
function saysNoPlatform({ platform }: Descriptor): boolean {
  return !platform?.os && !platform?.architecture;
}

function demand(
  { body, descriptor }: IndexView,
  wanted: string,
  matches: (entry: Descriptor, at: number) => boolean,
): void {
  if (body.manifests.some(matches)) return;
  const there = new Set(body.manifests.flatMap(({ platform }) => (platform ? formatPlatform(platform) : [])));
  const has = there.size === 0 ? '' : `; it has ${[...there].join(', ')}`;
  throw new NotFoundError('MANIFEST_UNKNOWN', `index ${descriptor.digest} has no entry ${wanted}${has}`);
}
