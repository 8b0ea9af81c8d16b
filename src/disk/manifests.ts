import { dirname } from 'node:path';
import { blobFileContent } from '../blobfile/blob-file.ts';
import { isGantryError, NotFoundError } from '../errors.ts';
import { isUnreadable, lookAt } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import { isSpoilt } from '../flow/verify.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isTag } from '../spec/reference.ts';
import { checkBytes, checkTags } from '../store/admission.ts';
import type { Manifests, ReferrersOptions, Repository, SignalOptions } from '../store/contract.ts';
import { compareBytes } from '../store/listing.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import type { RepositoryFolder } from './folder.ts';
import { trueType } from './listed-type.ts';
import { putManifest } from './put-manifest.ts';
import { removeWithTrash } from './removal.ts';
import { describeManifest, lockOf, type RegistryState } from './state.ts';
import { removeTags, tagged, tagsOf } from './tags.ts';
import { trashPath } from './trash.ts';

export function openManifests(registry: RegistryState, folder: RepositoryFolder): Manifests {
  return {
    async resolve(reference, { signal } = {}) {
      signal?.throwIfAborted();
      const found = await resolve(registry, folder, reference);
      const manifest = found === undefined ? undefined : await readSound(registry, folder, found, { signal });
      if (manifest === undefined) return undefined;
      registry.cache.promise(folder.name, manifest.descriptor.digest);
      return manifest.descriptor;
    },
    async get(reference, options = {}) {
      options.signal?.throwIfAborted();
      const descriptor = await resolve(registry, folder, reference);
      const manifest =
        descriptor === undefined ? undefined : await readSound(registry, folder, descriptor, options);
      if (manifest === undefined) {
        const isDamaged = descriptor !== undefined || (await hasTagFile(folder, reference));
        const why = isDamaged ? ': its file is damaged, and pushing it again heals it' : '';
        throw new NotFoundError('MANIFEST_UNKNOWN', `${folder.name} has no manifest ${reference}${why}`);
      }
      // The caller may change its array.
      return { ...manifest, bytes: new Uint8Array(manifest.bytes) };
    },
    async put(manifest, options = {}) {
      options.signal?.throwIfAborted();
      checkTags(options.tags ?? []);
      checkBytes(manifest);
      await putManifest(registry, folder, manifest, options);
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      if (!(await folder.hasManifest(digest))) return false;
      return lockOf(registry, folder.name).exclusive(() => remove(registry, folder, digest), { signal });
    },
  };
}

async function resolve(
  registry: RegistryState,
  folder: RepositoryFolder,
  reference: string,
): Promise<Descriptor | undefined> {
  if (isDigest(reference)) return described(registry, folder, reference);
  // A reference that is no tag cannot be the name of a tag's file.
  const digest = isTag(reference) ? await tagged(registry, folder, reference) : undefined;
  return digest === undefined ? undefined : described(registry, folder, digest);
}

/** Returns undefined also if the file with the type cannot be read. */
async function described(
  registry: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Descriptor | undefined> {
  try {
    return await describeManifest(registry, folder, digest);
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

async function hasTagFile(folder: RepositoryFolder, reference: string): Promise<boolean> {
  return isTag(reference) && (await lookAt(folder.tagPath(reference))) !== undefined;
}

/**
 * Returns the manifest under its true type. A damaged manifest, and one of an unknown type, counts as missing, so
 * that clients send or fetch it again.
 */
async function readSound(
  registry: RegistryState,
  folder: RepositoryFolder,
  descriptor: Descriptor,
  options: SignalOptions,
): Promise<Manifest | undefined> {
  try {
    const manifest = await read(registry, folder, descriptor, options);
    const mediaType = trueType(manifest, descriptor.mediaType);
    if (mediaType === undefined) return undefined;
    if (mediaType !== descriptor.mediaType) {
      // Without this, other readers of the store would see the damaged type until the next push.
      await writeType(registry, folder, descriptor, mediaType).catch(() => undefined);
    }
    return manifest;
  } catch (error) {
    const damaged = isSpoilt(error) || isUnreadable(error);
    if (damaged || isGantryError(error, 'MANIFEST_INVALID') || isGantryError(error, 'BLOB_UNKNOWN'))
      return undefined;
    throw error;
  }
}

/** Corrects the file that lists the manifest, in turn with puts of the manifest. */
async function writeType(
  registry: RegistryState,
  folder: RepositoryFolder,
  { digest, mediaType: damaged }: Descriptor,
  mediaType: string,
): Promise<void> {
  const path = folder.manifestPath(digest);
  const write = async (): Promise<void> => {
    if ((await folder.mediaType(digest)) !== damaged) return;
    await registry.files.replace(path, new TextEncoder().encode(mediaType));
    registry.cache.descriptors.delete(path);
  };
  await lockOf(registry, folder.name).shared(() => registry.turns(`${folder.name} ${digest}`, write));
}

async function read(
  { cache, soundness }: RegistryState,
  folder: RepositoryFolder,
  descriptor: Descriptor,
  options: SignalOptions,
): Promise<Manifest> {
  const { digest, mediaType } = descriptor;
  const known = cache.manifests.get(`${digest} ${mediaType}`);
  if (known !== undefined) return known;
  const source = blobFileContent(folder.layout, descriptor, { witness: soundness }).open(options);
  const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
  const parsed = parseManifest(bytes, { digest, mediaType });
  const type = trueType(parsed, mediaType) ?? mediaType;
  const manifest = { ...parsed, descriptor: { ...descriptor, mediaType: type } };
  cache.manifests.set(`${digest} ${mediaType}`, manifest, 4 * bytes.byteLength);
  return manifest;
}

/** Removes the tags first: after a crash no tag names a missing manifest. */
async function remove(registry: RegistryState, folder: RepositoryFolder, digest: Digest): Promise<boolean> {
  const { files, cache, pool, indexes } = registry;
  if (!(await folder.hasManifest(digest))) return false;
  const subject = await subjectOfKept(registry, folder, digest);
  await indexes.add(folder.name);
  await removeTags(registry, folder, await tagsOf(folder, digest));
  const entry = folder.manifestPath(digest);
  await removeWithTrash(files, entry, trashPath(folder.state, 'manifests', digest));
  const referrer = subject === undefined ? [] : [folder.referrerPath(subject, digest)];
  for (const path of referrer) await files.remove(path);
  cache.descriptors.delete(entry);
  cache.release(folder.name, digest);
  await pool.remove(digest, folder);
  await Promise.all([entry, ...referrer].map((path) => files.synced(dirname(path))));
  indexes.changed(folder.name);
  return true;
}

/**
 * Returns the subject of the manifest, if the manifest is readable. The collection of garbage removes the entries of
 * all others.
 */
async function subjectOfKept(
  registry: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Digest | undefined> {
  try {
    const descriptor = await describeManifest(registry, folder, digest);
    return descriptor === undefined ? undefined : subjectOf(await read(registry, folder, descriptor, {}));
  } catch {
    return undefined;
  }
}

export function openReferrers(registry: RegistryState, folder: RepositoryFolder): Repository['referrers'] {
  return async function* referrers(
    subject: Digest,
    options: ReferrersOptions = {},
  ): AsyncIterable<Descriptor> {
    options.signal?.throwIfAborted();
    for (const digest of (await folder.referrers(subject)).sort(compareBytes)) {
      const entry = await referrer(registry, folder, digest, options);
      const wanted = options.artifactType ?? entry?.artifactType;
      if (entry !== undefined && entry.artifactType === wanted) yield entry;
    }
  };
}

/** Returns undefined for a missing or damaged referrer, so that the others are listed. */
async function referrer(
  registry: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
  options: SignalOptions,
): Promise<Descriptor | undefined> {
  const descriptor = await described(registry, folder, digest);
  const manifest =
    descriptor === undefined ? undefined : await readSound(registry, folder, descriptor, options);
  return manifest === undefined ? undefined : referrerEntry(manifest);
}
