import { selectChildren } from '../copy/select.ts';
import { InputError } from '../errors.ts';
import type { WorkLedger } from '../flow/work.ts';
import { type IndexChange, mapIndexes } from '../image/edit/map-images.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { openImage } from '../image/open-image.ts';
import { openIndex } from '../image/open-index.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { type TransferOptions, withDefaultName } from './copy.ts';
import { demandPlatforms } from './demand-platforms.ts';
import { openSource, type WaitOptions } from './open.ts';
import { formatPlace, type Place, referenceOf, toPlace } from './place.ts';
import { isStandard } from './standard.ts';
import { watching } from './watch.ts';
import { writeView } from './write-view.ts';

/** Settings of every verb that changes an image. */
export interface EditOptions
  extends Pick<TransferOptions, 'jobs' | 'nondistributable' | 'onEvent' | 'signal'>,
    WaitOptions {
  /**
   * The place of the changed image.
   * @defaultValue the source: its tag moves to the changed image; a source by digest gets no tag
   */
  readonly to?: string | Place | undefined;
  /**
   * Changes only the images of an index for these platforms, and keeps the others as they are.
   * @defaultValue all
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /**
   * Keeps the attestations of changed images in an index, and lets them refer to the new digests, although their statements
   * name the images from before the change.
   * @defaultValue `false`
   */
  readonly keepAttestations?: boolean | undefined;
  /** Annotations of the index itself; null removes one. An image that is in no index ignores them. */
  readonly indexAnnotations?: Readonly<Record<string, string | null>> | undefined;
  /**
   * Computes the result, and writes nothing.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean | undefined;
  /**
   * Replaces an existing archive. By default gantry adds the image, which takes over its name there.
   * @defaultValue `false`
   */
  readonly replace?: boolean | undefined;
}

/** The result of a change. */
export interface EditedImage {
  /** The changed image or index. */
  readonly descriptor: Descriptor;
  /** The image or index before the change. Absent for a new image. */
  readonly before?: Descriptor | undefined;
  /** The place of the changed image. */
  readonly place: Place;
}

/** A change of an image. Called once for each image of an index. */
export type ImageChange = (image: Image) => Image | Promise<Image>;

/** Changes an image, or every image of an index. */
export function editImages(
  connections: Connections,
  source: string | Place,
  change: ImageChange,
  options: EditOptions = {},
): Promise<EditedImage> {
  return editView(connections, source, (view, edited) => changeView(view, change, edited, options), options);
}

/** Applies a change to a view: to the image, or to the selected images of the index, and then to the index itself. */
export async function changeView(
  view: Image | Index,
  change: ImageChange,
  { repository, root, warn }: EditedSource,
  { platforms, keepAttestations, indexAnnotations: annotations, signal }: EditOptions,
  finish: IndexChange = async (manifest) => manifest,
): Promise<Image | Index> {
  if (view.kind === 'image') {
    if (platforms !== undefined) await demandPlatforms(repository, root, platforms, { signal });
    return change(view);
  }
  const selected =
    platforms === undefined ? undefined : await selectChildren(repository, root, platforms, { signal });
  const onDropped = ({ digest }: Descriptor, image: string): void =>
    warn(
      `dropped the attestation ${digest}: it describes the image from before the change, ${image}; "keepAttestations" keeps it`,
    );
  return mapIndexes(
    view,
    change,
    { wants: selected?.includes, keepAttestations, annotations, onDropped },
    finish,
  );
}

/** The source of a change. */
export interface EditedSource {
  readonly repository: Repository;
  /** The name of the registry, if the place is one. */
  readonly registry: string | undefined;
  readonly root: Manifest;
  /** Reports a loss that ends nothing. */
  readonly warn: (text: string) => void;
  /** Receives the progress of making layers. */
  readonly works: WorkLedger;
}

/** Changes the root of a place, an image or an index, and writes the result. */
export async function editView(
  connections: Connections,
  source: string | Place,
  change: (view: Image | Index, source: EditedSource) => Promise<Image | Index>,
  options: EditOptions,
): Promise<EditedImage> {
  const origin = toPlace(source);
  const target = options.to === undefined ? undefined : withDefaultName(toPlace(options.to), origin);
  const { platforms, replace, noWait, onWait, jobs, nondistributable, dryRun = false } = options;
  return watching(options, async (watch) => {
    const { signal, ledger } = watch;
    const opened = await openSource(connections, origin, { platforms, signal, works: ledger.works });
    await using repository = opened.repository;
    const { registry } = opened;
    const root = await repository.manifests.get(opened.reference, { signal });
    const view =
      root.body.kind === 'index'
        ? openIndex(repository, root, { registry })
        : openImage(repository, root, { registry });
    const warn = (text: string): void => connections.warn(repository.name, text);
    const changed = await change(view, { repository, registry, root, warn, works: ledger.works });
    const { descriptor } = await changed.manifest({ signal });
    const before = root.descriptor;
    const place = target ?? (await placeOfSource(origin, repository, before.digest, { signal }));
    // An entry without a name would stay beside the changed one.
    const replaced = target === undefined && place.kind === 'oci' && place.name === undefined;
    const settings = { replace, noWait, onWait, jobs, nondistributable, preferred: platforms };
    if (dryRun) return { descriptor, before, place };
    const writing = {
      view: changed,
      target: place,
      replaced: replaced ? before.digest : undefined,
      isChanged: descriptor.digest !== before.digest,
    };
    // Of an index, a docker daemon may take one image only.
    return { descriptor: await writeView(connections, writing, watch, settings), before, place };
  });
}

/** Writes an image or an index without a source. */
export async function writeNew(
  connections: Connections,
  view: Image | Index,
  { to = '', dryRun = false, ...options }: EditOptions,
): Promise<EditedImage> {
  const { jobs, nondistributable, replace, noWait, onWait } = options;
  const place = toPlace(to);
  return watching(options, async (watch) => {
    const { descriptor } = await view.manifest({ signal: watch.signal });
    const settings = { jobs, nondistributable, replace, noWait, onWait };
    if (dryRun) return { descriptor, before: undefined, place };
    const written = await writeView(connections, { view, target: place }, watch, settings);
    return { descriptor: written, before: undefined, place };
  });
}

/** Returns the place of a changed image without a place of its own: the name of its source, but never a digest. */
async function placeOfSource(
  source: Place,
  { tags, manifests }: Repository,
  digest: Digest,
  options: SignalOptions,
): Promise<Place> {
  if (source.kind === 'registry') {
    const { tag: _, digest: named, ...repository } = source.reference;
    return named === undefined ? source : { ...source, reference: repository };
  }
  if (source.kind === 'docker-daemon') {
    if (referenceOf(source)?.tag !== undefined) return source;
    throw needsPlace(source, 'the image has no tag in this name');
  }
  if (source.name !== undefined) return source;
  const names: string[] = [];
  for await (const name of tags.list(options)) {
    if ((await manifests.resolve(name, options))?.digest === digest) names.push(name);
  }
  const [name] = names;
  if (names.length === 1 && name !== undefined && !isStandard(source.path)) return { ...source, name };
  if (names.length === 0 && source.kind === 'oci') return source;
  const has = names.length === 0 ? 'no name' : 'several names';
  throw needsPlace(source, `the image in it has ${has}, or it is the standard input`);
}

function needsPlace(source: Place, reason: string): InputError {
  return new InputError(
    'INVALID_OPTION',
    `${formatPlace(source)}: ${reason}: say where the changed image goes`,
  );
}
