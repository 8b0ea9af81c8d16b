import { ContentError } from '../../errors.ts';
import { parseJson } from '../../json/parse.ts';
import type { Annotations, Descriptor } from '../../spec/descriptor.ts';
import { isAttestationOf, type ManifestBody } from '../../spec/manifest.ts';
import { isConfigType } from '../../spec/media-type.ts';
import { given } from '../../spec/options.ts';
import type { Platform } from '../../spec/platform.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import type { AddedImages, Index, IndexEntry, IndexView } from '../image-index.ts';

/** An entry that is added to an index. */
export interface NewEntry {
  readonly view: Image | Index;
  /** The parsed descriptor. */
  readonly descriptor: Descriptor;
  /** The descriptor for the document. One from another index has all members that it had there. */
  readonly value: unknown;
  /** The annotations and the platform that the caller gave. */
  readonly given: { readonly annotations: Annotations; readonly platform?: Platform | undefined };
}

/**
 * Describes the entries for an index.
 * @throws MANIFEST_INVALID for an entry of a flattened index that is neither an image nor an index
 */
export async function newEntries(
  entries: readonly IndexEntry[],
  { flatten = false }: AddedImages,
  read: SignalOptions | undefined,
): Promise<readonly NewEntry[]> {
  const found: NewEntry[] = [];
  for (const entry of entries) {
    const { image } = entry;
    if (flatten && image.kind === 'index') found.push(...(await entriesOf(image, entry, read)));
    else found.push(await entryOf(entry, read));
  }
  return found;
}

async function entryOf(
  { image, platform, annotations = {} }: IndexEntry,
  read: SignalOptions | undefined,
): Promise<NewEntry> {
  const { descriptor: own, body } = await image.manifest(read);
  const { mediaType, digest, size } = own;
  const artifactType = artifactTypeOf(body);
  const said = platform ?? (await platformOfView(image, read));
  const descriptor: Descriptor = given({
    mediaType,
    digest,
    size,
    platform: said,
    artifactType,
    annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
  });
  return { view: image, descriptor, value: descriptor, given: { annotations, platform } };
}

/** Sets annotations of an entry. */
export function annotated(entry: NewEntry, annotations: Annotations): NewEntry {
  const all = { ...entry.descriptor.annotations, ...annotations };
  return { ...entry, value: { ...Object(entry.value), annotations: all } };
}

/** Returns the type of an artifact. A container image and an index of images have none. */
function artifactTypeOf(body: ManifestBody): string | undefined {
  if (body.kind === 'unknown') return undefined;
  if (body.kind === 'index' || body.artifactType !== undefined) return body.artifactType;
  return isConfigType(body.config.mediaType) ? undefined : body.config.mediaType;
}

/** Returns the platform in the config of an image; undefined if it names none, and for anything else than an image. */
export async function platformOfView(
  view: Image | Index,
  read: SignalOptions | undefined,
): Promise<Platform | undefined> {
  if (view.kind === 'index') return undefined;
  const { body } = await view.manifest(read);
  if (!isConfigType(body.config.mediaType)) return undefined;
  const config = await view.config(read);
  const { architecture, os, variant, 'os.version': version, 'os.features': features } = config;
  if (os === '' || architecture === '') return undefined;
  return given({ architecture, os, 'os.version': version, 'os.features': features, variant });
}

/** Returns the entries of an index with the values that its document has. An image without a platform gets that of its config. */
async function entriesOf(
  index: Index,
  { annotations = {} }: IndexEntry,
  read: SignalOptions | undefined,
): Promise<readonly NewEntry[]> {
  const root = await index.manifest(read);
  const views = new Map<string, Image | Index>();
  for (const view of await index.children(read))
    views.set((await view.manifest(read)).descriptor.digest, view);
  const values = valuesIn(root);
  const entries: NewEntry[] = [];
  for (const [at, entry] of root.body.manifests.entries()) {
    const view = views.get(entry.digest);
    if (view === undefined)
      throw new ContentError(
        'MANIFEST_INVALID',
        `index ${root.descriptor.digest} has an entry of type ${entry.mediaType}, which is neither an image nor an index: add the index as a whole, with "flatten" off`,
      );
    const platform = entry.platform === undefined ? await platformOfView(view, read) : undefined;
    const isAnnotated = Object.keys(annotations).length > 0;
    const members = given({
      platform,
      annotations: isAnnotated ? { ...entry.annotations, ...annotations } : undefined,
    });
    const value = { ...Object(values[at]), ...members };
    entries.push({ view, descriptor: { ...entry, ...members }, value, given: { annotations } });
  }
  return entries;
}

function valuesIn({ bytes, descriptor }: IndexView): readonly unknown[] {
  const document = parseJson(bytes, { what: `manifest ${descriptor.digest}` });
  const values: unknown =
    typeof document === 'object' && document !== null ? Reflect.get(document, 'manifests') : undefined;
  return Array.isArray(values) ? values : [];
}

/** Returns the positions of the entries that match, and of the attestations of these images. */
export function removedEntries(
  entries: readonly Descriptor[],
  matches: (entry: Descriptor, at: number) => boolean,
): ReadonlySet<number> {
  const removed = new Set(entries.flatMap((entry, at) => (matches(entry, at) ? [at] : [])));
  const kept = new Set(entries.flatMap(({ digest }, at) => (removed.has(at) ? [] : [digest])));
  const gone = new Set(
    entries.flatMap(({ digest }, at) => (removed.has(at) && !kept.has(digest) ? [digest] : [])),
  );
  for (const [at, entry] of entries.entries()) if (isAttestationOf(entry, gone)) removed.add(at);
  return removed;
}
