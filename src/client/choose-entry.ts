import { ContentError, NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import {
  formatPlatform,
  isAttestation,
  type Platform,
  selectPlatform,
  toPlatform,
} from '../spec/platform.ts';
import { isCosignTag } from '../spec/referrers-tag.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import type { DiskEntry, DiskPlace } from './disk-place.ts';

/** The choice among the images of a place on disk. */
export interface ChooseOptions extends SignalOptions {
  readonly platforms?: readonly (Platform | string)[] | undefined;
}

/**
 * Chooses an image of a place on disk: the entry of that name, or the only image. Platforms choose among images side by
 * side; each chosen image is then a descriptor with its platform.
 * @throws MANIFEST_INVALID when several images remain, with their names
 */
export async function chooseEntries(
  place: DiskPlace,
  name: string | undefined,
  { platforms, ...options }: ChooseOptions,
): Promise<readonly Descriptor[]> {
  const meant =
    name === undefined
      ? await imagesIn(place, options)
      : place.entries.filter(({ names }) => names.includes(name));
  const whole = await onlyWhole(distinct(meant), options);
  const [only] = whole;
  if (only !== undefined && whole.length === 1) return [await only.load(options)];
  if (whole.length === 0) throw new ContentError('MANIFEST_INVALID', `${place.path} holds no image`);
  const chosen =
    platforms === undefined ? undefined : await byPlatform(place.path, whole, { platforms, ...options });
  return chosen ?? refuse(place, whole, options);
}

function distinct(entries: readonly DiskEntry[]): readonly DiskEntry[] {
  const digests = new Set<string>();
  return entries.filter(({ digest }) => {
    if (digest === undefined) return true;
    const isNew = !digests.has(digest);
    digests.add(digest);
    return isNew;
  });
}

/** Drops broken descriptions of an image that has a second, whole description by the same name. */
async function onlyWhole(
  entries: readonly DiskEntry[],
  options: SignalOptions,
): Promise<readonly DiskEntry[]> {
  const [first, ...others] = entries;
  const shared = first?.names.find((name) => others.every(({ names }) => names.includes(name)));
  if (shared === undefined || others.length === 0) return entries;
  const whole: DiskEntry[] = [];
  for (const entry of entries) {
    const root = await entry.load(options).catch(() => options.signal?.throwIfAborted());
    if (root !== undefined) whole.push(entry);
  }
  return whole.length === 0 ? entries.slice(0, 1) : whole;
}

/**
 * Returns the entry for each platform; undefined when two serve a platform equally well, or when one may be in an entry
 * of unknown platform, such as an index.
 * @throws MANIFEST_UNKNOWN naming the missing platform and those that exist
 */
async function byPlatform(
  path: string,
  entries: readonly DiskEntry[],
  { platforms, ...options }: SignalOptions & { readonly platforms: readonly (Platform | string)[] },
): Promise<readonly Descriptor[] | undefined> {
  const candidates: { readonly entry: DiskEntry; readonly platform: Platform; readonly mediaType: string }[] =
    [];
  for (const entry of entries) {
    const platform = await entry.platform(options);
    if (platform !== undefined) candidates.push({ entry, platform, mediaType });
  }
  const chosen: Descriptor[] = [];
  for (const wanted of platforms.map(toPlatform)) {
    const best = selectPlatform(candidates, wanted);
    if (best === undefined && candidates.length < entries.length) return undefined;
    if (best === undefined) {
      const there = new Set(candidates.map(({ platform }) => formatPlatform(platform)));
      throw new NotFoundError(
        'MANIFEST_UNKNOWN',
        `${path} has no image for platform ${formatPlatform(wanted)}; it has ${[...there].join(', ')}`,
      );
    }
    const twin = selectPlatform(
      candidates.filter((other) => other !== best),
      wanted,
    );
    const isTwin = twin !== undefined && formatPlatform(twin.platform) === formatPlatform(best.platform);
    if (isTwin) return undefined;
    const { mediaType: type, digest, size } = await best.entry.load(options);
    chosen.push({ mediaType: type, digest, size, platform: best.platform });
  }
  return chosen;
}

/** The type for the choice by platform: an entry with a platform is an image, and its own type is known once it loads. */
const mediaType = 'application/vnd.oci.image.manifest.v1+json';

/** The largest number of choices in a message: an archive may hold thousands. */
const maxShown = 20;

async function refuse(
  { path, entries }: DiskPlace,
  choices: readonly DiskEntry[],
  options: SignalOptions,
): Promise<never> {
  const shown: string[] = [];
  const platforms = new Set<string>();
  for (const entry of choices.slice(0, maxShown)) {
    const platform = await entry.platform(options).catch(() => undefined);
    const place = `@${entries.indexOf(entry)}`;
    const name = entry.names.length > 0 ? entry.names.join(' = ') : (entry.digest ?? place);
    shown.push(platform === undefined ? name : `${name} (${formatPlatform(platform)})`);
    if (platform !== undefined) platforms.add(formatPlatform(platform));
  }
  const more = choices.length > maxShown ? `, and ${choices.length - maxShown} more` : '';
  throw new ContentError(
    'MANIFEST_INVALID',
    `${path} holds ${choices.length} images; choose one: ${shown.join(', ')}${more}. ` +
      `Add its name to the path (PREFIX:PATH:NAME)${platforms.size > 1 ? '; --platform chooses among platforms' : ''}; push --index takes all of them as one index`,
  );
}

/** Lists the images of a place: the named ones if there are any, and no referrers that a copy brought along. */
async function imagesIn(place: DiskPlace, options: SignalOptions): Promise<readonly DiskEntry[]> {
  const own = await withoutReferrers(place.repository, place.entries, options);
  const named = own.filter(({ names }) => names.length > 0);
  return place.namesItsImages && named.length > 0 ? named : own;
}

/** Drops the entries that a copy brought along for another entry. */
async function withoutReferrers(
  { manifests }: Repository,
  entries: readonly DiskEntry[],
  options: SignalOptions,
): Promise<readonly DiskEntry[]> {
  if (entries.length < 2) return entries;
  const digests = new Set(entries.flatMap(({ digest }) => digest ?? []));
  const isOwn = async ({ names, digest, entry }: DiskEntry): Promise<boolean> => {
    if (names.some(isCosignTag) || (entry !== undefined && isAttestation(entry))) return false;
    if (digest === undefined || (await manifests.resolve(digest, options)) === undefined) return true;
    const subject = subjectOf(await manifests.get(digest, options));
    if (subject === undefined) return true;
    return !digests.has(subject) && (await manifests.resolve(subject, options)) === undefined;
  };
  const answers = await Promise.all(entries.map(isOwn));
  return entries.filter((_, at) => answers[at] === true);
}
