import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { missingBlob, neededBlobs } from '../store/admission.ts';
import type { PutOptions } from '../store/contract.ts';
import { absentAmong } from './absent.ts';
import { untilDone } from './durable.ts';
import type { RepositoryFolder } from './folder.ts';
import { type FormerTags, noteTags, returnTags } from './former-tags.ts';
import { ManifestWriting } from './manifest-writing.ts';
import type { Soundness } from './soundness.ts';
import { checkTagFiles, checkType, whileTagsStand } from './standing.ts';
import { lockOf, type RegistryState } from './state.ts';

/**
 * Stores a manifest. Another process may collect garbage at any moment: it puts a blob aside and then looks for
 * manifests that need it. So this function writes the manifest first and then looks for its blobs again: in either
 * order, one of the two sees the other. After MANIFEST_BLOB_UNKNOWN it has stored nothing.
 */
export async function putManifest(
  registry: RegistryState,
  folder: RepositoryFolder,
  manifest: Manifest,
  options: PutOptions,
): Promise<void> {
  const { tags = [], sparse = false } = options;
  const { digest } = manifest.descriptor;
  const { cache, indexes, turns } = registry;
  const there = await presentOf(registry, folder, manifest, sparse);
  const former: FormerTags = new Map();
  const put = async (): Promise<void> => {
    try {
      await untilDone(folder.manifestPath(digest), () =>
        putOnce(registry, folder, manifest, { ...options, there, former }),
      );
    } catch (error) {
      // An earlier try may have set the tags, and they must not name a missing manifest.
      await whileTagsStand(registry, folder, tags, () => returnTags(registry, folder, digest, former));
      throw error;
    }
  };
  const inTurn = (): Promise<void> => turns(`${folder.name} ${digest}`, put, options);
  await lockOf(registry, folder.name).shared(inTurn, options);
  cache.promise(folder.name, digest);
  indexes.changed(folder.name);
}

interface Try extends PutOptions {
  /** The content that existed before the put. */
  readonly there: Present;
  /** Receives the digests that the tags named. */
  readonly former: FormerTags;
}

/** Returns false if the manifest was collected meanwhile. */
async function putOnce(
  registry: RegistryState,
  folder: RepositoryFolder,
  manifest: Manifest,
  { there, former, ...options }: Try,
): Promise<boolean> {
  const { tags = [] } = options;
  const { digest } = manifest.descriptor;
  await checkType(registry, folder, manifest, options);
  await checkTagFiles(folder, manifest, options);
  await registry.indexes.add(folder.name);
  const writing = new ManifestWriting(registry, folder, manifest, tags);
  const undoing = async (reason: unknown): Promise<never> => {
    await writing.undo();
    throw reason;
  };
  try {
    await writing.stage();
    await writing.keep();
    // The bytes of the manifest were garbage until it was listed.
    if (!(await hasBlob(folder, digest))) return false;
    const gone = await firstMissing(folder, there);
    if (gone !== undefined) await undoing(missingBlob(digest, gone));
    await whileTagsStand(registry, folder, tags, async () => {
      // Looks at the tags again: other puts could set them while this put wrote its files.
      await checkTagFiles(folder, manifest, options).catch(undoing);
      await noteTags(registry, folder, tags, former);
      await writing.name();
    });
    // Nothing named the manifest until now, so it may be garbage, too.
    return await folder.hasManifest(digest);
  } finally {
    await writing.clear();
  }
}

interface Present {
  readonly blobs: readonly Digest[];
  readonly manifests: readonly Digest[];
}

/** Returns the existing content that the manifest names. Refuses at once if required content is missing. */
async function presentOf(
  { cache, soundness }: RegistryState,
  folder: RepositoryFolder,
  { descriptor, body }: Manifest,
  sparse: boolean,
): Promise<Present> {
  // The client was told that it need not send this content, so it must hear if the content is gone.
  const promised = (digest: Digest): boolean => cache.isPromised(folder.name, digest);
  const blobs = await thereOf(descriptor.digest, neededBlobs(body), {
    absent: (all) => absentAmong(folder, 'blobs', all),
    look: (digest) => hasSound(soundness, folder, digest),
    mustBeThere: (digest) => !sparse || promised(digest),
  });
  const manifests = await thereOf(descriptor.digest, manifestsOf(body), {
    absent: (all) => absentAmong(folder, 'manifests', all),
    look: (digest) => folder.hasManifest(digest),
    mustBeThere: promised,
  });
  return { blobs, manifests };
}

interface Question {
  /** Finds some of the digests that do not exist, at little cost. */
  readonly absent: (digests: readonly Digest[]) => Promise<ReadonlySet<Digest>>;
  readonly look: (digest: Digest) => Promise<boolean>;
  readonly mustBeThere: (digest: Digest) => boolean;
}

/** Throws MANIFEST_BLOB_UNKNOWN for the first missing content that must exist. */
async function thereOf(
  manifest: Digest,
  named: readonly Descriptor[],
  { absent, look, mustBeThere }: Question,
): Promise<readonly Digest[]> {
  const all = [...new Set(named.map(({ digest }) => digest))];
  const known = await absent(all);
  // Looks at all required content, listed or not, so that none is refused wrongly.
  const rest = all.filter((digest) => !known.has(digest) || mustBeThere(digest));
  const there: Digest[] = [];
  for await (const [digest, found] of looked(rest, look)) {
    if (found) there.push(digest);
    else if (mustBeThere(digest)) throw missingBlob(manifest, digest);
  }
  return there;
}

/** The number of files that are looked at together. More of them would keep the disk from other requests. */
const together = 64;

async function* looked(
  digests: readonly Digest[],
  look: (digest: Digest) => Promise<boolean>,
): AsyncIterable<readonly [Digest, boolean]> {
  for (let at = 0; at < digests.length; at += together) {
    const some = digests.slice(at, at + together);
    yield* await Promise.all(some.map(async (digest) => [digest, await look(digest)] as const));
  }
}

/**
 * Returns whether the blob exists and is not known to be damaged. It was hashed when the client sent it, or when the
 * client was told that it exists.
 */
async function hasSound(soundness: Soundness, folder: RepositoryFolder, digest: Digest): Promise<boolean> {
  const file = await folder.blobFile(digest);
  return file !== undefined && soundness.isSound(folder.blobPath(digest), digest, file, { ahead: false });
}

async function firstMissing(
  folder: RepositoryFolder,
  { blobs, manifests }: Present,
): Promise<Digest | undefined> {
  for await (const [digest, found] of looked(blobs, (blob) => hasBlob(folder, blob))) {
    if (!found) return digest;
  }
  for await (const [digest, found] of looked(manifests, (child) => folder.hasManifest(child))) {
    if (!found) return digest;
  }
  return undefined;
}

async function hasBlob(folder: RepositoryFolder, digest: Digest): Promise<boolean> {
  return (await folder.blobSize(digest)) !== undefined;
}
