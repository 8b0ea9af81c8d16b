import { dirname } from 'node:path';
import { isUnreadable, removeFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { missingBlob, neededBlobs } from '../store/admission.ts';
import type { PutOptions } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import { absentAmong } from './absent.ts';
import { touch, untilDone } from './durable.ts';
import type { RepositoryFolder } from './folder.ts';
import type { Soundness } from './soundness.ts';
import { checkTagFiles, checkType, whileTagsStand } from './standing.ts';
import { describeOnDisk, lockOf, type RegistryState } from './state.ts';

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
  const put = async (): Promise<boolean> => {
    await checkType(registry, folder, manifest, options);
    await checkTagFiles(folder, manifest, options);
    await indexes.add(folder.name);
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
        await writing.name();
      });
      // Nothing names the manifest yet, so it may be garbage, too.
      return await folder.hasManifest(digest);
    } finally {
      await writing.clear();
    }
  };
  const inTurn = (): Promise<void> =>
    turns(`${folder.name} ${digest}`, () => untilDone(folder.manifestPath(digest), put), options);
  await lockOf(registry, folder.name).shared(inTurn, options);
  cache.promise(folder.name, digest);
  indexes.changed(folder.name);
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

/** The files of one manifest. All of them are written and synced together, and then get their names. */
class ManifestWriting {
  readonly #registry: RegistryState;
  readonly #folder: RepositoryFolder;
  readonly #manifest: Manifest;
  readonly #tags: readonly string[];
  readonly #entry: string;
  readonly #referrer: string | undefined;
  /** Staged files, by their final paths. */
  readonly #staged = new Map<string, string>();
  #known = false;

  constructor(
    registry: RegistryState,
    folder: RepositoryFolder,
    manifest: Manifest,
    tags: readonly string[],
  ) {
    this.#registry = registry;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#tags = tags;
    const { digest } = manifest.descriptor;
    const subject = subjectOf(manifest);
    this.#entry = folder.manifestPath(digest);
    this.#referrer = subject === undefined ? undefined : folder.referrerPath(subject, digest);
  }

  async stage(): Promise<void> {
    const { mediaType, digest } = this.#manifest.descriptor;
    const known = await describeOnDisk(this.#registry, this.#folder, digest);
    // Both files are young again. A file that is gone meanwhile is written once more.
    const fresh =
      known !== undefined && (await touch(this.#entry)) && (await touch(this.#folder.blobPath(digest)));
    this.#known = known !== undefined;
    const writes: Promise<void>[] = [];
    const lacks = async (path: string, bytes: Uint8Array): Promise<void> => {
      if (!fresh || !(await holds(path, bytes))) await this.#stage(path, bytes);
    };
    // A push heals: it writes every file again that the disk has lost or changed.
    writes.push(lacks(this.#folder.blobPath(digest), this.#manifest.bytes));
    if (!fresh || known?.mediaType !== mediaType) writes.push(this.#stage(this.#entry, encoded(mediaType)));
    if (this.#referrer !== undefined) writes.push(lacks(this.#referrer, encoded('')));
    for (const tag of this.#tags) writes.push(lacks(this.#folder.tagPath(tag), encoded(digest)));
    // All writes end before the staged files are removed.
    for (const result of await Promise.allSettled(writes)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  async keep(): Promise<void> {
    const { cache, pool } = this.#registry;
    const { mediaType, digest, size } = this.#manifest.descriptor;
    const path = this.#staged.get(this.#folder.blobPath(digest));
    if (path !== undefined) {
      await pool.take({ path, size, sync: async () => undefined }, digest, this.#folder.layout);
    }
    this.#staged.delete(this.#folder.blobPath(digest));
    cache.descriptors.set(this.#entry, { mediaType, digest, size });
    // Syncs also existing files, because the put that wrote them may not have got to its sync. Places the manifest
    // last: readers pass over the entry of a missing referrer, but would not find a referrer without an entry.
    await this.#place([...(this.#referrer === undefined ? [] : [this.#referrer]), this.#entry]);
  }

  /** Removes the files of this put. A manifest that existed before stays. */
  async undo(): Promise<void> {
    if (this.#known) return;
    if (this.#referrer !== undefined) await removeFile(this.#referrer);
    await removeFile(this.#entry);
    await this.#registry.pool.remove(this.#manifest.descriptor.digest, this.#folder.layout);
  }

  /** Places the tags last, so that no tag names a manifest that a power loss has taken. */
  async name(): Promise<void> {
    const { cache } = this.#registry;
    const paths = this.#tags.map((tag) => this.#folder.tagPath(tag));
    const changed = paths.filter((path) => this.#staged.has(path));
    for (const path of changed) cache.forgetTag(this.#folder.name, path);
    await this.#place(paths);
    for (const path of changed) cache.forgetTag(this.#folder.name, path);
  }

  async clear(): Promise<void> {
    for (const staged of this.#staged.values()) await removeFile(staged);
  }

  async #stage(path: string, bytes: Uint8Array): Promise<void> {
    this.#staged.set(path, await this.#registry.files.stage(bytes));
  }

  async #place(paths: readonly string[]): Promise<void> {
    const { files } = this.#registry;
    const changed = new Set<string>();
    for (const path of paths) {
      const staged = this.#staged.get(path);
      if (staged !== undefined) await files.place(staged, path);
      this.#staged.delete(path);
      changed.add(dirname(path));
    }
    await Promise.all([...changed].map((folder) => files.synced(folder)));
  }
}

/** Returns whether the file has these bytes. An unreadable file does not. */
async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const there = await readSmall(path, bytes.byteLength);
    return there !== undefined && Buffer.compare(there, bytes) === 0;
  } catch (error) {
    if (isUnreadable(error)) return false;
    throw error;
  }
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
