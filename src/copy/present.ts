import { NotFoundError } from '../errors.ts';
import { inlineData } from '../flow/inline-data.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isIndexType, isManifestType } from '../spec/media-type.ts';
import { formatPlatform, isAttestation, type Platform, toPlatform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { rewriteIndex, selectChildren } from './select.ts';

export interface PresentOptions extends SignalOptions {
  /**
   * The requested platforms.
   * @defaultValue all that exist
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
}

/**
 * Refuses an index of which a place lacks images: the images of these platforms, or any. Only for places where questions
 * cost nothing.
 * @throws MANIFEST_UNKNOWN naming the missing platforms and the existing ones
 */
export async function demandPresent(
  from: Repository,
  root: Manifest,
  { platforms, ...options }: PresentOptions = {},
): Promise<void> {
  const { body, descriptor } = root;
  if (body.kind !== 'index') return;
  const wanted =
    platforms === undefined ? body.manifests : (await selectChildren(from, root, platforms, options)).images;
  const missing = await missingOf(from, wanted, options, new Set());
  if (missing.length === 0) return;
  const there: Descriptor[] = [];
  for (const child of body.manifests) {
    if (child.platform && !isAttestation(child) && (await isStored(from, child, options))) there.push(child);
  }
  const advice = there.length === 0 ? '' : `; --platform chooses among those that do: ${namesOf(there)}`;
  throw new NotFoundError(
    'MANIFEST_UNKNOWN',
    `${from.name}: index ${descriptor.digest} lists manifests that do not exist here: ${namesOf(missing)}${advice}`,
  );
}

/** Returns the missing children, also of indexes in the index. `seen` has the indexes already read. */
async function missingOf(
  from: Repository,
  children: readonly Descriptor[],
  options: SignalOptions,
  seen: Set<Digest>,
): Promise<readonly Descriptor[]> {
  const missing: Descriptor[] = [];
  for (const child of children) {
    if (!(await isStored(from, child, options))) missing.push(child);
    else if (isIndexType(child.mediaType) && inlineData(child) === undefined && !seen.has(child.digest)) {
      seen.add(child.digest);
      const { body } = await from.manifests.get(child.digest, options);
      missing.push(...(await missingOf(from, manifestsOf(body), options, seen)));
    }
  }
  return missing;
}

async function isStored(from: Repository, child: Descriptor, options: SignalOptions): Promise<boolean> {
  return inlineData(child) !== undefined || (await from.blobs.stat(child.digest, options)) !== undefined;
}

/** Lists the children by their platforms, and those without one by their digests. */
function namesOf(children: readonly Descriptor[]): string {
  const names = children.map((child) =>
    child.platform === undefined || isAttestation(child) ? child.digest : formatPlatform(child.platform),
  );
  const more = names.length > maxNamed ? `, and ${names.length - maxNamed} more` : '';
  return `${[...new Set(names)].slice(0, maxNamed).join(', ')}${more}`;
}

/** Names in one message. An index may list thousands. */
const maxNamed = 20;

/** The part of an index that a place has. */
export interface Present {
  /** The index itself if it is complete, otherwise the only image, or an index of the images that exist. */
  readonly root: Manifest;
  /** Images of the index that are missing. */
  readonly absent: readonly Descriptor[];
}

/**
 * Finds the part of an index that exists in a place where questions cost nothing. Docker saves the index that it pulled
 * with only one of its platforms. An image exists if its manifest and its config do.
 * @throws MANIFEST_UNKNOWN when no image or not the requested one exists
 */
export async function presentPart(
  from: Repository,
  root: Manifest,
  { platforms, ...options }: PresentOptions = {},
): Promise<Present> {
  const { body } = root;
  if (body.kind !== 'index') return { root, absent: [] };
  const look: Look = { from, options, seen: new Map() };
  const there = new Set<Descriptor>();
  for (const child of body.manifests) if (await isThere(look, child)) there.add(child);
  const absent = body.manifests.filter((child) => !there.has(child));
  if (absent.length === 0) return { root, absent };
  const images = [...there].filter((child) => !isAttestation(child));
  if (images.length === 0) {
    const [inner, ...others] = body.manifests.filter(({ mediaType }) => isIndexType(mediaType));
    if (inner !== undefined && others.length === 0)
      return presentPart(from, await from.manifests.get(inner.digest, options), { platforms, ...options });
    const { digest } = root.descriptor;
    throw new NotFoundError('MANIFEST_UNKNOWN', `${from.name} has no image of index ${digest}`);
  }
  if (platforms !== undefined)
    await demandWanted(from, { root, there, platforms: platforms.map(toPlatform) }, options);
  const [only] = images;
  if (platforms === undefined && only !== undefined && there.size === 1) {
    return { root: await from.manifests.get(only.digest, options), absent };
  }
  return { root: rewriteIndex(root, (child) => there.has(child)), absent };
}

interface Wanted {
  readonly root: Manifest;
  readonly there: ReadonlySet<Descriptor>;
  readonly platforms: readonly Platform[];
}

/** Without this check, a platform that the index lists and the place lacks would select another one. */
async function demandWanted(
  from: Repository,
  { root, there, platforms }: Wanted,
  options: SignalOptions,
): Promise<void> {
  for (const platform of platforms) {
    const [child] = (await selectChildren(from, root, [platform], options)).images;
    if (child === undefined || there.has(child)) continue;
    const others = [...there].flatMap((other) => (other.platform ? formatPlatform(other.platform) : []));
    throw new NotFoundError(
      'MANIFEST_UNKNOWN',
      `${from.name}: index ${root.descriptor.digest} lists an image for ${formatPlatform(platform)}, which does not exist here; these do: ${others.join(', ')}`,
    );
  }
}

interface Look {
  readonly from: Repository;
  readonly options: SignalOptions;
  /** Indexes may list the same children many times; each is checked once. */
  readonly seen: Map<Digest, Promise<boolean>>;
}

function isThere(look: Look, child: Descriptor): Promise<boolean> {
  const known = look.seen.get(child.digest) ?? lookFor(look, child);
  look.seen.set(child.digest, known);
  return known;
}

async function lookFor(look: Look, child: Descriptor): Promise<boolean> {
  const { from, options } = look;
  const { digest, mediaType } = child;
  if (inlineData(child) !== undefined) return true;
  const found = await from.manifests.resolve(digest, options);
  if (found === undefined) {
    return !isManifestType(mediaType) && (await from.blobs.stat(digest, options)) !== undefined;
  }
  const { body } = await from.manifests.get(digest, options);
  if (body.kind === 'image') {
    if (inlineData(body.config) !== undefined) return true;
    return (await from.blobs.stat(body.config.digest, options)) !== undefined;
  }
  for (const inner of manifestsOf(body)) if (!(await isThere(look, inner))) return false;
  return true;
}
