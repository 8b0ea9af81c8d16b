import { type GantryError, isGantryError, NotFoundError } from '../errors.ts';
import { createSingleFlight, type SingleFlight } from '../flow/single-flight.ts';
import { platformOf } from '../json/config-facts.ts';
import { configLimit } from '../json/image-config.ts';
import { parseIndexJson } from '../json/manifest.ts';
import { imageNameAnnotation, refNameAnnotation } from '../spec/annotation.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import { isManifestType } from '../spec/media-type.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import { contradictionIn, type Described, isWhole, refuseContradiction } from './agree.ts';
import { blobMember } from './blob-member.ts';
import type { ArchiveContents, ArchiveEntry } from './contents.ts';
import type { DockerImage } from './docker.ts';
import { inArchive } from './failure.ts';
import { distinctNames } from './names.ts';
import type { Recompressor } from './recompress.ts';
import { configPlaces, type SharedConfigs, sharedConfigs } from './shared-configs.ts';
import { createSynthesizer, type Synthesizer } from './synthesis.ts';
import { checkedContent, type Tarball } from './tarball.ts';
import { demandImage, demandPart, readTree, type Trees } from './tree.ts';

/** The images that manifest.json describes beside index.json, and the way to their layers. */
export interface Beside {
  readonly saved: readonly DockerImage[];
  readonly recompress: Recompressor;
}

interface Layout extends Beside {
  readonly tarball: Tarball;
  readonly trees: Trees;
  readonly shared: SharedConfigs;
  readonly synthesizer: Synthesizer;
  /** The first contradiction in each image that was examined. */
  readonly problems: SingleFlight<Digest, string | undefined>;
}

/**
 * Reads an OCI layout with all its manifests. Loading a root checks it: an image must be complete, and an
 * index needs at least one complete image, because Docker saves the platforms that it has under the index
 * that it pulled. An image that only manifest.json describes is a root, too. If both describe an image
 * differently, gantry takes the complete description, with a warning. Throws MANIFEST_INVALID, TOO_LARGE;
 * `load` also MANIFEST_UNKNOWN, BLOB_UNKNOWN, SIZE_INVALID, DIGEST_INVALID.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export async function readOci(
  tarball: Tarball,
  indexJson: Uint8Array,
  beside: Beside,
): Promise<ArchiveContents> {
  const index = inArchive(tarball.path, () => parseIndexJson(indexJson));
  const trees: Trees = { manifests: new Map(), failures: new Map() };
  const synthesizer = createSynthesizer();
  for (const root of index.manifests) await readTree(tarball, root, trees);
  const shared = sharedConfigs({ tarball, trees, listed: index.manifests, saved: beside.saved });
  const problems: Layout['problems'] = createSingleFlight({ keep: true });
  const layout: Layout = { ...beside, tarball, trees, shared, synthesizer, problems };
  const roots = index.manifests.flatMap((root) => {
    const found = trees.manifests.get(root.digest);
    // The document decides if the descriptor has another type or none.
    if (found !== undefined) return rootOf(layout, { ...root, mediaType: found.descriptor.mediaType });
    return isManifestType(root.mediaType) ? rootOf(layout, root) : [];
  });
  return {
    roots: [...roots, ...shared.unlisted.map((image) => synthesizer.root(image))],
    manifests: () => [...trees.manifests.values(), ...synthesizer.manifests.values()],
    manifest: (digest) => trees.manifests.get(digest) ?? synthesizer.manifests.get(digest),
    blob(digest) {
      const entry = tarball.find(blobMember(digest));
      if (entry === undefined) return synthesizer.blob(digest);
      return checkedContent(tarball.content(entry), digest, `${tarball.path}: blob ${digest}`);
    },
    examine: (manifest) => examine(layout, manifest),
  };
}

function rootOf(layout: Layout, root: Descriptor): ArchiveEntry {
  const { tarball, trees } = layout;
  const names = namesOf(layout, root);
  return {
    names,
    digest: root.digest,
    entry: root,
    platform: async () => root.platform ?? (await platformIn(tarball, trees.manifests.get(root.digest))),
    async load(options = {}) {
      const failure = trees.failures.get(root.digest);
      if (failure !== undefined) throw failure;
      const manifest = trees.manifests.get(root.digest);
      if (manifest === undefined) {
        throw new NotFoundError('MANIFEST_UNKNOWN', `${tarball.path}: manifest ${root.digest} is missing`);
      }
      const { body } = manifest;
      if (body.kind === 'index') demandPart(tarball, manifest, trees);
      if (body.kind !== 'image') return root;
      const described = describedTwice(layout, root.digest, body);
      const missing = failureOf(() => demandImage(tarball, body));
      const problem = missing?.message ?? (await problemIn(layout, described));
      if (problem === undefined) return root;
      return settle(layout, { ...described, root, problem, missing }, options);
    },
  };
}

function failureOf(check: () => void): GantryError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (isGantryError(error)) return error;
    throw error;
  }
}

interface Disputed extends Described {
  readonly root: Descriptor;
  readonly problem: string;
  /** Set when a blob is missing or has another size. */
  readonly missing: GantryError | undefined;
}

/** Settles two descriptions of an image of which one is wrong: takes the complete one, with a warning. */
async function settle(
  { tarball, recompress, saved, synthesizer }: Layout,
  { problem, missing, root, ...described }: Disputed,
  options: SignalOptions,
): Promise<Descriptor> {
  const [other] = saved.filter((image) => described.saved.includes(image.saved));
  if (other === undefined) throw missing ?? refuseContradiction(tarball, problem);
  const isRight = missing === undefined && (await isWhole(tarball, described, recompress, options));
  const twin = synthesizer.root(other);
  const made = await twin.load(options).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    if (isRight) return undefined;
    throw missing ?? refuseContradiction(tarball, problem, error);
  });
  // Both are complete: the same layers under other names.
  if (isRight && made !== undefined) return root;
  const taken = isRight ? 'gantry takes the manifest' : 'gantry takes the image from manifest.json';
  tarball.warn(`${problem}; ${taken}, since its layers are those of the config`);
  return isRight || made === undefined ? root : made;
}

/**
 * Examines any manifest of the layout, also a child of an index. Ignores a missing config and missing layers.
 */
async function examine(layout: Layout, { descriptor, body }: Manifest): Promise<void> {
  if (body.kind !== 'image' || layout.synthesizer.manifests.has(descriptor.digest)) return;
  const described = describedTwice(layout, descriptor.digest, body);
  const problem = await problemIn(layout, described);
  if (problem === undefined) return;
  if (described.saved.length > 0 && (await isWhole(layout.tarball, described, layout.recompress, {}))) return;
  throw refuseContradiction(layout.tarball, problem);
}

function problemIn({ tarball, problems }: Layout, described: Described): Promise<string | undefined> {
  return problems.run(described.digest, () => contradictionIn(tarball, described));
}

function describedTwice({ tarball, shared }: Layout, digest: Digest, image: ImageManifest): Described {
  const place = tarball.find(blobMember(image.config.digest))?.offset;
  const twins = place === undefined ? [] : shared.saved([place]);
  return { digest, image, saved: twins.map((twin) => twin.saved) };
}

/**
 * Returns the names of a root: first those in manifest.json, in the spelling there, which Docker shows to its user. Then
 * the full name and the reference name of index.json, unless they mean the same or are only the tag of that. Leaves a name
 * of manifest.json to another root with the same config if only index.json distinguishes them.
 */
function namesOf(layout: Layout, root: Descriptor): readonly string[] {
  const { tarball, trees, shared } = layout;
  const { annotations = {} } = root;
  const full = annotations[imageNameAnnotation];
  const ref = annotations[refNameAnnotation];
  const annotated = full === undefined ? [] : [full];
  if (ref !== undefined && full?.endsWith(`:${ref}`) !== true) annotated.push(ref);
  const manifest = trees.manifests.get(root.digest);
  if (manifest === undefined) return annotated;
  const places = configPlaces(tarball, trees, manifest);
  const isMine = (name: string): boolean => !shared.isNameOfOther(name, root.digest, places);
  const twins = shared.saved(places);
  return distinctNames([...twins.flatMap(({ names }) => names.filter(isMine)), ...annotated]);
}

async function platformIn(tarball: Tarball, manifest: Manifest | undefined): Promise<Platform | undefined> {
  if (manifest?.body.kind !== 'image') return undefined;
  const entry = tarball.find(blobMember(manifest.body.config.digest));
  if (entry === undefined) return undefined;
  const config = await tarball.read(entry.name, configLimit).catch(() => undefined);
  return config === undefined ? undefined : platformOf(config);
}
