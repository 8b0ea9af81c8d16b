import { createSpool, type Spool } from '../archive/spool.ts';
import { InputError } from '../errors.ts';
import type { WorkLedger } from '../flow/work.ts';
import { baseAnnotations } from '../image/base-annotations.ts';
import { createImage } from '../image/create.ts';
import { createIndex } from '../image/create-index.ts';
import { epoch } from '../image/edit/steps.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Layer } from '../image/layer.ts';
import { familyOf } from '../spec/media-family.ts';
import { MediaType } from '../spec/media-type.ts';
import { checkArgument, checkOptions, type Shape, signal, text } from '../spec/options.ts';
import { defaultPlatform, type Platform, toPlatform } from '../spec/platform.ts';
import { aView } from '../store/checks.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type BaseFacts, createBaseFacts } from './base-facts.ts';
import { builtImage } from './built-image.ts';
import { checkBuildSettings } from './check-settings.ts';
import { type EarlierBuild, openEarlierBuild } from './earlier.ts';
import { type BaseImage, baseImages } from './images-in.ts';
import { type MadeLayer, makeLayer } from './made-layer.ts';
import { type Addon, type BuildTarget, checkAddons } from './native/addons.ts';
import { type BuildSettings, buildSettingsShape } from './options.ts';
import { type BuildPlan, planBuild } from './plan.ts';
import type { PlannedLayer } from './planned-layer.ts';
import { refuseNoNode, runConfig } from './run-config.ts';

/** Settings of `buildImage`. */
export interface BuildImageOptions extends BuildSettings, SignalOptions {
  /**
   * The image, or the index of images for several platforms, to build on.
   * @defaultValue nothing, so that the image only has the files of the folder, and is for linux/amd64
   */
  readonly base?: Image | Index | undefined;
  /** The name of the base, for the annotation `org.opencontainers.image.base.name`. */
  readonly baseName?: string | undefined;
  /** An earlier build. Layers with the same files are taken from it, and not compressed again. */
  readonly previous?: Image | Index | undefined;
}

/** A built image. Its new layers are in temporary files until it is disposed. */
export interface BuiltView extends AsyncDisposable {
  /** An image, or an index for several platforms. */
  readonly view: Image | Index;
  /** The platforms of the image, in the order of the index. */
  readonly platforms: readonly Platform[];
  /** The layers above the base. */
  readonly layers: readonly BuiltLayer[];
}

/** A layer that a build has made. */
export interface BuiltLayer {
  /** The words for it in the history, such as `dependencies`. */
  readonly name: string;
  /** The platforms of the images that have it; undefined for all. */
  readonly platforms?: readonly Platform[] | undefined;
  /** The layer, as the images refer to it: its descriptor, diff id and content. */
  readonly layer: Layer;
  /** Whether an earlier build has the same layer, so that it was not compressed. */
  readonly isReused: boolean;
}

const shape: Shape<BuildImageOptions> = {
  ...buildSettingsShape,
  signal,
  base: aView,
  baseName: text,
  previous: aView,
};

/**
 * Builds an image of a folder: of a Node application with its production dependencies, or of any files. Runs nothing of the
 * folder. The same files and options give the same digest. Dispose the result after its last use.
 * @throws NAME_UNKNOWN when there is no such folder
 * @throws INVALID_OPTION when nothing says which command the image runs
 * @throws FILE_UNKNOWN when the start file or a dependency is missing
 * @throws MANIFEST_UNKNOWN when the base has no image for a platform
 * @throws UNSUPPORTED for a socket, pipe or device, for a symbolic link that leads out of the folder, and for an addon of Node
 * that is compiled for another platform
 * @throws SIZE_INVALID when a file changes while it is read
 * @example
 * ```ts
 * import { buildImage, createClient } from 'gantry';
 *
 * await using client = createClient();
 * const base = await client.getIndex('node:22-slim');
 * await using built = await buildImage('./web', { base, labels: { team: 'core' } });
 * console.log((await built.view.manifest()).descriptor.digest);
 * ```
 */
export async function buildImage(directory: string, options: BuildImageOptions = {}): Promise<BuiltView> {
  checkArgument('buildImage', 'directory', directory, text);
  checkOptions('buildImage', options, shape);
  checkBuildSettings(options);
  return buildPlanned(await planBuild(directory, options), options);
}

/** Settings of a build that has been planned. */
interface PlannedOptions extends BuildImageOptions {
  readonly works?: WorkLedger | undefined;
  /** Prepares a base for several readings of its layers. */
  readonly readable?: ((image: Image) => Image) | undefined;
}

/** The view of a build that has been planned. */
interface PlannedView extends BuiltView {
  /** The systems of its images. */
  readonly targets: readonly BuildTarget[];
}

/** Builds the image of a plan. */
export async function buildPlanned(plan: BuildPlan, options: PlannedOptions): Promise<PlannedView> {
  const { base, platforms: wanted, previous, readable = (image) => image, signal } = options;
  if (base === undefined) refuseNoNode(plan);
  const bases =
    base === undefined ? noBases(wanted) : await baseImages(base, wanted?.map(toPlatform), options);
  const [first] = bases;
  if (first === undefined) throw new InputError('INVALID_OPTION', 'an image needs at least one platform');
  const earlier = openEarlierBuild(previous, { signal });
  // The bases for all platforms have the same users and the same C library.
  const facts = createBaseFacts(
    { image: first.image, previous: await earlier.image(first.platform), readable: readable(first.image) },
    { signal },
  );
  const spool = createSpool();
  try {
    const libc = plan.needsLibc ? await facts.libc() : undefined;
    const targets = bases.map(({ platform }) => ({ platform, libc }));
    const made: MadeLayer[] = [];
    for (const planned of plan.layersFor(targets))
      made.push(await makePlanned(planned, { ...options, earlier, spool, first: first.platform }));
    await checkAll(bases, made, facts);
    const user = options.user ?? (await facts.user());
    const view = await compose(plan, bases, { ...options, made, user, comment: facts.words() });
    const layers = made.map(({ plan: { name, platforms }, layer, isReused }) => ({
      name,
      platforms,
      layer,
      isReused,
    }));
    return {
      view,
      targets,
      platforms: bases.map(({ platform }) => platform),
      layers,
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    };
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}

interface Making extends PlannedOptions {
  readonly earlier: EarlierBuild;
  readonly spool: Spool;
  /** The platform of the earlier image that most layers are looked for in. */
  readonly first: Platform;
}

async function makePlanned(planned: PlannedLayer, options: Making): Promise<MadeLayer> {
  const { compression = 'gzip', level = 1, works, signal, earlier, spool, first } = options;
  const { platforms: [platform = first] = [] } = planned;
  const known = [await earlier.image(first), await earlier.image(platform)].filter(
    (one) => one !== undefined,
  );
  return makeLayer(planned, { compression, level, earlier: [...new Set(known)], spool, works, signal });
}

/** Makes empty images in place of bases. */
function noBases(wanted: readonly (Platform | string)[] = [defaultPlatform]): readonly BaseImage[] {
  return wanted.map((one) => {
    const platform = toPlatform(one);
    return { platform, image: createImage({ config: platform, layers: [] }) };
  });
}

/** Checks the addons of each image. A file of an upper layer replaces the one of the same name below it. */
async function checkAll(
  bases: readonly BaseImage[],
  made: readonly MadeLayer[],
  facts: BaseFacts,
): Promise<void> {
  const hasLibc = made.some(({ addons }) => addons.some(({ file }) => file.libc !== undefined));
  const libc = hasLibc ? await facts.libc() : undefined;
  for (const { platform } of bases) {
    const addons = new Map<string, Addon>();
    for (const layer of layersOf(made, platform))
      for (const addon of layer.addons) addons.set(addon.path, addon);
    checkAddons(addons.values(), { platform, libc });
  }
}

function layersOf(made: readonly MadeLayer[], platform: Platform): readonly MadeLayer[] {
  return made.filter(({ plan: { platforms } }) => platforms === undefined || platforms.includes(platform));
}

interface Composing extends PlannedOptions {
  readonly made: readonly MadeLayer[];
  readonly user: string;
  /** Words about the config in the history. */
  readonly comment: string;
}

/** Puts the layers on each base, and joins the images of several platforms. */
async function compose(
  plan: BuildPlan,
  bases: readonly BaseImage[],
  options: Composing,
): Promise<Image | Index> {
  const { base, baseName, made, user, comment, annotations, created = epoch, signal } = options;
  const images: BaseImage[] = [];
  for (const { platform, image } of bases) {
    const { digest } = (await image.manifest({ signal })).descriptor;
    const about = base === undefined ? {} : baseAnnotations(baseName, digest);
    const built = builtImage(image, {
      layers: layersOf(made, platform).map(({ plan: { name }, layer }) => ({ name, layer })),
      config: runConfig(await image.config({ signal }), plan, { ...options, user }),
      created,
      comment,
      annotations: { ...about, ...annotations },
    });
    images.push({ platform, image: built });
  }
  const [only] = images;
  if (images.length === 1 && only !== undefined) return only.image;
  const root = base === undefined ? undefined : (await base.manifest({ signal })).descriptor;
  // Docker's manifest lists have no annotations.
  if (root !== undefined && familyOf(root.mediaType) === 'docker')
    return createIndex(images, { mediaType: MediaType.dockerList });
  const about = root === undefined ? {} : baseAnnotations(baseName, root.digest);
  const all = { ...about, ...annotations };
  return createIndex(images, Object.keys(all).length === 0 ? {} : { annotations: all });
}
