import { InputError, NotFoundError, UnsupportedError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { openImage } from '../image/open-image.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { given } from '../spec/options.ts';
import {
  defaultPlatform,
  formatPlatform,
  isAttestation,
  matchesPlatform,
  type Platform,
  selectPlatform,
} from '../spec/platform.ts';
import { getChild } from '../store/child.ts';
import type { SignalOptions } from '../store/contract.ts';

/** An image of a view, which is read when it is opened. */
export interface ImageEntry {
  /** The platform that the index names; undefined for a single image and for an index that does not say. */
  readonly platform: Platform | undefined;
  open(options?: SignalOptions): Promise<Image>;
}

/** Lists the images of an index that gantry can read, without reading any; of an image, only itself. */
export async function imagesIn(
  view: Image | Index,
  options: SignalOptions = {},
): Promise<readonly ImageEntry[]> {
  if (view.kind === 'image') return [{ platform: undefined, open: async () => view }];
  const { body } = await view.manifest(options);
  const images = body.manifests.filter((entry) => isImage(entry));
  return images.map((entry) => ({ platform: entry.platform, open: (read) => openEntry(view, entry, read) }));
}

function isImage(entry: Descriptor): boolean {
  return !isAttestation(entry) && selectPlatform([entry], entry.platform) !== undefined;
}

async function openEntry(view: Index, entry: Descriptor, options: SignalOptions = {}): Promise<Image> {
  if (view.place !== undefined) {
    const { repository, registry } = view.place;
    return openImage(repository, await getChild(repository.manifests, entry, options), { registry });
  }
  for (const child of await view.children(options)) {
    if (child.kind === 'index') continue;
    if ((await child.manifest(options)).descriptor.digest === entry.digest) return child;
  }
  throw new NotFoundError('MANIFEST_UNKNOWN', `the index has no image ${entry.digest}`);
}

/** A base for one platform. */
export interface BaseImage {
  readonly platform: Platform;
  readonly image: Image;
}

/** The platforms of an image without the option. */
const usual: readonly Platform[] = [defaultPlatform, { os: 'linux', architecture: 'arm64' }];

/**
 * Chooses the base for each platform, in the order of the base.
 * @throws MANIFEST_UNKNOWN when the base has no image for a platform, naming those that it has
 * @throws UNSUPPORTED for a base for Windows
 */
export async function baseImages(
  base: Image | Index,
  wanted: readonly Platform[] | undefined,
  options: SignalOptions,
): Promise<readonly BaseImage[]> {
  const chosen = await chosenImages(base, wanted, options);
  if (chosen.every(({ platform }) => platform.os !== 'windows')) return chosen;
  throw new UnsupportedError(
    'build',
    'the base is for Windows, whose layers have another form: gantry builds images for other systems only',
  );
}

async function chosenImages(
  base: Image | Index,
  wanted: readonly Platform[] | undefined,
  options: SignalOptions,
): Promise<readonly BaseImage[]> {
  const entries = await imagesIn(base, options);
  const [only] = entries;
  if (base.kind === 'image' && only !== undefined) {
    const image = await only.open(options);
    const platform = await platformOf(image, options);
    const other = wanted?.find((one) => !matchesPlatform(platform, one));
    if (other !== undefined) throw lacking(other, [platform]);
    return [{ platform, image }];
  }
  const said = entries.flatMap(({ platform }) => platform ?? []);
  const chosen = new Set<ImageEntry>();
  for (const platform of wanted ?? usual) {
    const entry = selectEntry(entries, platform);
    if (entry !== undefined) chosen.add(entry);
    else if (wanted !== undefined) throw lacking(platform, said);
  }
  if (chosen.size === 0)
    throw new InputError(
      'INVALID_OPTION',
      `the base has no image for ${usual.map(formatPlatform).join(' or ')}: choose among ${said.map(formatPlatform).join(', ')} with --platform`,
    );
  const bases = await Promise.all(
    entries
      .filter((entry) => chosen.has(entry))
      .map(async (entry) => {
        const image = await entry.open(options);
        return { platform: entry.platform ?? (await platformOf(image, options)), image };
      }),
  );
  // The only image of an index may have its platform in its config alone.
  const other = wanted?.find((one) => !bases.some(({ platform }) => matchesPlatform(platform, one)));
  if (other === undefined) return bases;
  throw lacking(
    other,
    bases.map(({ platform }) => platform),
  );
}

function selectEntry(entries: readonly ImageEntry[], wanted: Platform): ImageEntry | undefined {
  const candidates = entries.map((entry) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...(entry.platform === undefined ? {} : { platform: entry.platform }),
    entry,
  }));
  return selectPlatform(candidates, wanted)?.entry;
}

/** Returns the platform in the config of an image. */
async function platformOf(image: Image, options: SignalOptions): Promise<Platform> {
  const { os, architecture, variant } = await image.config(options);
  if (os === '' || architecture === '') return defaultPlatform;
  return given({ os, architecture, variant });
}

function lacking(platform: Platform, there: readonly Platform[]): NotFoundError {
  const has = there.length === 0 ? '' : `; it has ${there.map(formatPlatform).join(', ')}`;
  return new NotFoundError(
    'MANIFEST_UNKNOWN',
    `the base has no image for platform ${formatPlatform(platform)}${has}`,
  );
}
