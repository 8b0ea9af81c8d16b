import { ContentError } from '../../errors.ts';
import type { JsonChange } from '../../json/edit.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Digest } from '../../spec/digest.ts';
import type { ImageConfig } from '../../spec/image-config.ts';
import type { Manifest } from '../../spec/manifest.ts';
import { isConfigType } from '../../spec/media-type.ts';
import { maxNesting } from '../../spec/nesting.ts';
import { callback, checkArgument, checkOptions, flag, recordOf, type Shape } from '../../spec/options.ts';
import { isAttestation } from '../../spec/platform.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import type { Index, IndexView } from '../image-index.ts';
import { changeableIndex } from './changeable-index.ts';
import { nullableText } from './config-edit.ts';
import { contentEdits } from './documents.ts';
import { editIndexDocument } from './index-document.ts';

/** Settings of `mapImages`. */
export interface MapImagesOptions {
  /**
   * Selects the images to change, by their entries.
   * @defaultValue all
   */
  readonly wants?: ((child: Descriptor) => boolean) | undefined;
  /**
   * Keeps the attestations of changed images, and lets them refer to the new digests. Their statements still name the
   * images from before the change, so by default they are dropped.
   * @defaultValue false
   */
  readonly keepAttestations?: boolean | undefined;
  /** Receives each dropped attestation, and the digest of its image before the change. */
  readonly onDropped?: ((attestation: Descriptor, image: string) => void) | undefined;
  /** Annotations of the index itself; null removes one. */
  readonly annotations?: Readonly<Record<string, string | null>> | undefined;
}

/** The checks of `MapImagesOptions`. */
export const mapImagesShape: Shape<MapImagesOptions> = {
  wants: callback,
  keepAttestations: flag,
  onDropped: callback,
  annotations: recordOf(nullableText),
};

/**
 * Changes every image of an index, and of the indexes in it. Entries keep their annotations and unknown members, and get
 * the new digest, size and platform. Artifacts stay as they are. Without a change, the index keeps its digest.
 * @throws INVALID_OPTION for a wrong argument or option
 */
export function mapImages(
  index: Index,
  change: (image: Image) => Image | Promise<Image>,
  options: MapImagesOptions = {},
): Index {
  checkArgument('mapImages', 'index', index, aView);
  checkArgument('mapImages', 'change', change, callback);
  checkOptions('mapImages', options, mapImagesShape);
  return mapIndexes(index, change, options, async (manifest) => manifest);
}

/** Changes an index itself, after its images. */
export type IndexChange = (manifest: IndexView, context: IndexContext) => Promise<IndexView>;

/** An index in the course of a change. */
export interface IndexContext {
  /** The digest of the index before the change. */
  readonly before: Digest;
  /** Returns the manifest of an entry, if it is an image or an index. */
  readonly childOf: (digest: Digest) => Promise<Manifest | undefined>;
}

/** As `mapImages`, with a change of the index and of every index in it. */
export function mapIndexes(
  index: Index,
  change: (image: Image) => Image | Promise<Image>,
  options: MapImagesOptions,
  finish: IndexChange,
): Index {
  let known: Mapped | undefined;
  const mapped = async (read?: SignalOptions): Promise<Mapped> => {
    known ??= await mapIndex(index, change, options, { depth: 0, read, finish });
    return known;
  };
  return mappedView(index, mapped);
}

/** Returns the view of a changed index. Its unchanged images are still in their place. */
function mappedView(index: Index, mapped: (read?: SignalOptions) => Promise<Mapped>): Index {
  const rest = index.place ?? index.rest;
  const children = async (read?: SignalOptions) => (await mapped(read)).children;
  return changeableIndex({
    kind: 'index',
    rest,
    manifest: async (read) => (await mapped(read)).manifest,
    children,
    made: async (read) =>
      (await children(read)).filter(
        ({ place }) => place === undefined || place.repository !== rest?.repository,
      ),
  });
}

interface Mapped {
  readonly manifest: IndexView;
  readonly children: readonly (Image | Index)[];
}

interface Walk {
  readonly depth: number;
  readonly read: SignalOptions | undefined;
  readonly finish: IndexChange;
}

async function mapIndex(
  index: Index,
  change: (image: Image) => Image | Promise<Image>,
  options: MapImagesOptions,
  walk: Walk,
): Promise<Mapped> {
  const { depth, read, finish } = walk;
  const root = await index.manifest(read);
  const { digest } = root.descriptor;
  if (depth > maxNesting)
    throw new ContentError('MANIFEST_INVALID', `index ${digest} is nested more than ${maxNesting} deep`);
  const children = new Map<string, Child>();
  for (const view of await index.children(read)) {
    const { descriptor } = await view.manifest(read);
    children.set(descriptor.digest, { view, descriptor });
  }
  const changed = new Map<string, Child>();
  for (const entry of root.body.manifests) {
    const child = children.get(entry.digest);
    if (child === undefined || changed.has(entry.digest)) continue;
    if (isAttestation(entry) || options.wants?.(entry) === false) continue;
    const view = await changeView(child.view, change, options, walk);
    const { descriptor } = await view.manifest(read);
    if (descriptor.digest !== entry.digest) changed.set(entry.digest, { view, descriptor });
  }
  const edits = [
    ...(await entryEdits(root, children, changed, read)),
    ...attestationEdits(root, changed, options),
    ...Object.entries(options.annotations ?? {}).map(([key, value]) => ({
      path: ['annotations', key] as const,
      value: value ?? undefined,
    })),
  ];
  const all = new Map([
    ...children,
    ...[...changed.values()].map((child) => [child.descriptor.digest, child] as const),
  ]);
  const childOf = async (one: Digest): Promise<Manifest | undefined> => all.get(one)?.view.manifest(read);
  const manifest = await finish(editIndexDocument(root, edits), { before: digest, childOf });
  const kept = new Set(manifest.body.manifests.map((entry) => entry.digest));
  return { manifest, children: [...kept].flatMap((one) => all.get(one)?.view ?? []) };
}

/** A view of an index with its descriptor. */
interface Child {
  readonly view: Image | Index;
  readonly descriptor: Descriptor;
}

/** Changes an image, or the images of a nested index. An artifact stays as it is. */
async function changeView(
  view: Image | Index,
  change: (image: Image) => Image | Promise<Image>,
  options: MapImagesOptions,
  walk: Walk,
): Promise<Image | Index> {
  if (view.kind === 'image') {
    const { body } = await view.manifest(walk.read);
    return isConfigType(body.config.mediaType) ? change(view) : view;
  }
  const inner = { ...options, annotations: undefined };
  const mapped = await mapIndex(view, change, inner, { ...walk, depth: walk.depth + 1 });
  return mappedView(view, async () => mapped);
}

/** Returns the edits of the entries of changed images: digest, size, and other members that differ. */
async function entryEdits(
  { body }: IndexView,
  before: ReadonlyMap<string, Child>,
  changed: ReadonlyMap<string, Child>,
  read: SignalOptions | undefined,
): Promise<readonly JsonChange[]> {
  const edits: JsonChange[] = [];
  for (const [at, entry] of body.manifests.entries()) {
    const [old, next] = [before.get(entry.digest), changed.get(entry.digest)];
    if (old === undefined || next === undefined) continue;
    const path = ['manifests', at] as const;
    const { descriptor, bytes } = await next.view.manifest(read);
    edits.push(...contentEdits(path, entry, bytes), { path: [...path, 'digest'], value: descriptor.digest });
    if (next.descriptor.mediaType !== old.descriptor.mediaType)
      edits.push({ path: [...path, 'mediaType'], value: next.descriptor.mediaType });
    if (entry.platform === undefined || old.view.kind === 'index' || next.view.kind === 'index') continue;
    const platform = [...path, 'platform'] as const;
    edits.push(...platformEdits(platform, await old.view.config(read), await next.view.config(read)));
  }
  return edits;
}

const platformKeys = ['architecture', 'os', 'variant', 'os.version', 'os.features'] as const;

/** Changes only the parts of the platform that the change of the config concerns. */
function platformEdits(
  path: readonly [string, ...(string | number)[]],
  before: ImageConfig,
  after: ImageConfig,
): readonly JsonChange[] {
  return platformKeys
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => ({ path: [...path, key] as const, value: after[key] }));
}

/** Drops the attestations of changed images, or lets them refer to the new digests. */
function attestationEdits(
  { body }: IndexView,
  changed: ReadonlyMap<string, Child>,
  { keepAttestations = false, onDropped }: MapImagesOptions,
): readonly JsonChange[] {
  return body.manifests.flatMap((entry, at): readonly JsonChange[] => {
    const image = isAttestation(entry) ? entry.annotations?.[referenceDigest] : undefined;
    const after = image === undefined ? undefined : changed.get(image);
    if (image === undefined || after === undefined) return [];
    if (keepAttestations)
      return [{ path: ['manifests', at, 'annotations', referenceDigest], value: after.descriptor.digest }];
    onDropped?.(entry, image);
    return [{ path: ['manifests', at], value: undefined }];
  });
}

/** BuildKit's annotation of an attestation, with the digest of the image that it is about. */
const referenceDigest = 'vnd.docker.reference.digest';
