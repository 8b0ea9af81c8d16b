import { selectChildren } from '../copy/select.ts';
import { InputError } from '../errors.ts';
import { type CreateIndexOptions, createIndex, refuseInList } from '../image/create-index.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { openImage } from '../image/open-image.ts';
import { openIndex } from '../image/open-index.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import { type Platform, toPlatform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { demandPlatforms } from './demand-platforms.ts';
import { type EditedImage, writeNew } from './edit.ts';
import { type EditIndexOptions, editIndex, type IndexEdit, layoutOf } from './edit-index.ts';
import { indexNotes } from './index-notes.ts';
import { openSource } from './open.ts';
import { formatPlace, type Place, toPlace } from './place.ts';
import { getDescriptor } from './read.ts';

/** An image or an index for `appendIndex`: the place of one, or a view. */
export type IndexImage = string | Place | Image | Index;

/** Settings of `appendIndex`. */
export interface AppendIndexOptions
  extends EditIndexOptions,
    Pick<CreateIndexOptions, 'artifactType' | 'mediaType'> {
  /**
   * The index to add the images to. `artifactType`, `mediaType` and `subject` are for a new one only.
   * @defaultValue a new index, which then needs `to`
   */
  readonly base?: string | Place | undefined;
  /**
   * Adds the images of a given index, with their attestations, in place of the index itself.
   * @defaultValue `true`
   */
  readonly flatten?: boolean | undefined;
  /**
   * Of a given index, adds only the images for these platforms, with their attestations.
   * @defaultValue all
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /**
   * The platform in the entry of each added image. The images of a flattened index keep theirs.
   * @defaultValue the platform in the config of the image
   */
  readonly platform?: Platform | string | undefined;
  /** Annotations of each added entry. */
  readonly entryAnnotations?: Annotations | undefined;
  /** The manifest that the new index refers to. */
  readonly subject?: string | Place | undefined;
}

/** Adds images to an index, or makes an index of them. */
export async function appendIndex(
  connections: Connections,
  images: readonly IndexImage[],
  options: AppendIndexOptions,
): Promise<EditedImage> {
  const { base, flatten = true, platforms, platform, entryAnnotations, artifactType, ...others } = options;
  const { subject, mediaType, ...edit } = others;
  checkParts(images, options);
  await using opened = await openImages(connections, images, { platforms, signal: edit.signal });
  const entries = opened.views.map((image) => ({
    image,
    platform: platform === undefined ? undefined : toPlatform(platform),
    annotations: entryAnnotations,
  }));
  const add: IndexEdit = (index) => index.withImages(entries, { flatten });
  if (base !== undefined) return await editIndex(connections, base, add, edit, { makes: true });
  const subjectOf = async (place: string | Place): Promise<Descriptor> => {
    const {
      mediaType: type,
      digest,
      size,
    } = await getDescriptor(connections, place, { signal: edit.signal });
    return { mediaType: type, digest, size };
  };
  const { annotations, index: _, to, ...writing } = edit;
  const empty = createIndex([], {
    artifactType,
    mediaType,
    subject: subject === undefined ? undefined : await subjectOf(subject),
    annotations: annotations === undefined ? undefined : kept(annotations),
  });
  const view = await add(empty);
  for (const note of await indexNotes(undefined, view, { signal: edit.signal }))
    connections.warn(formatPlace(to ?? ''), note);
  return await writeNew(connections, view, { ...writing, to });
}

/** Refuses options that contradict each other before anything is read. */
function checkParts(images: readonly IndexImage[], options: AppendIndexOptions): void {
  const { base, to, index = false, artifactType, mediaType, subject } = options;
  if (images.length === 0) throw refusal('there is no image to add');
  if (base === undefined && to === undefined) throw refusal('without a base, say where the new index goes');
  if (base === undefined && index) throw refusal('"index" takes a layout as the base');
  if (base !== undefined && index) layoutOf(toPlace(base));
  const [ofNew] = Object.entries({ artifactType, mediaType, subject }).filter(
    ([, value]) => value !== undefined,
  );
  refuseInList({ mediaType, artifactType, subject, annotations: options.annotations });
  if (base !== undefined && ofNew !== undefined)
    throw refusal(`"${ofNew[0]}" is for a new index, and there is a base`);
}

function refusal(reason: string): InputError {
  return new InputError('INVALID_OPTION', `appendIndex: ${reason}`);
}

/** Annotations without those to remove, which a new index does not have. */
function kept(annotations: Readonly<Record<string, string | null>>): Annotations {
  return Object.fromEntries(
    Object.entries(annotations).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  );
}

/** Views with their places open until they are disposed. */
interface OpenedImages extends AsyncDisposable {
  readonly views: readonly (Image | Index)[];
}

interface OpenImagesOptions extends SignalOptions {
  readonly platforms: readonly (Platform | string)[] | undefined;
}

/** Opens each place once, also if it is named several times. */
async function openImages(
  connections: Connections,
  images: readonly IndexImage[],
  options: OpenImagesOptions,
): Promise<OpenedImages> {
  const held: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const one of held.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  };
  const known = new Map<string, Image | Index>();
  const viewOf = async (image: IndexImage): Promise<Image | Index> => {
    if (typeof image !== 'string' && (image.kind === 'image' || image.kind === 'index')) return image;
    const place = toPlace(image);
    const name = formatPlace(place);
    const view = known.get(name) ?? (await openView(connections, place, held, options));
    known.set(name, view);
    return view;
  };
  try {
    const views: (Image | Index)[] = [];
    for (const image of images) views.push(await viewOf(image));
    return { views, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens an image, or an index with the images for these platforms. */
async function openView(
  connections: Connections,
  place: Place,
  held: AsyncDisposable[],
  { platforms, signal }: OpenImagesOptions,
): Promise<Image | Index> {
  const { repository, reference, registry } = await openSource(connections, place, { platforms, signal });
  held.push(repository);
  const root = await repository.manifests.get(reference, { signal });
  if (root.body.kind !== 'index') {
    if (platforms !== undefined) await demandPlatforms(repository, root, platforms, { signal });
    return openImage(repository, root, { registry });
  }
  const index = openIndex(repository, root, { registry });
  if (platforms === undefined) return index;
  const selected = await selectChildren(repository, root, platforms, { signal });
  return index.withoutEntries((entry) => !selected.includes(entry));
}
