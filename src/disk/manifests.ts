import { dirname } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { removeFile } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { blobFileContent } from '../layout/blob-file.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isTag } from '../spec/reference.ts';
import { checkBytes, checkTags } from '../store/admission.ts';
import type {
  ListOptions,
  Manifests,
  ReferrersOptions,
  Repository,
  SignalOptions,
  Tags,
} from '../store/contract.ts';
import { compareBytes, listed } from '../store/listing.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import type { RepositoryFolder } from './folder.ts';
import { putManifest } from './put.ts';
import { describe, lockOf, type RegistryState } from './state.ts';

export function openManifests(registry: RegistryState, folder: RepositoryFolder): Manifests {
  return {
    async resolve(reference, { signal } = {}) {
      signal?.throwIfAborted();
      const found = await resolve(registry, folder, reference);
      if (found !== undefined) registry.cache.promise(folder.name, found.digest);
      return found;
    },
    async get(reference, options = {}) {
      options.signal?.throwIfAborted();
      const descriptor = await resolve(registry, folder, reference);
      if (descriptor === undefined) {
        throw new NotFoundError('MANIFEST_UNKNOWN', `${folder.name} has no manifest ${reference}`);
      }
      const manifest = await read(registry, folder, descriptor, options);
      // The caller's array is the caller's to change.
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
      if ((await describe(registry, folder, digest)) === undefined) return false;
      return lockOf(registry, folder.name).exclusive(() => remove(registry, folder, digest));
    },
  };
}

async function resolve(
  registry: RegistryState,
  folder: RepositoryFolder,
  reference: string,
): Promise<Descriptor | undefined> {
  if (isDigest(reference)) return describe(registry, folder, reference);
  // What is no tag can't be one's file name either.
  const digest = isTag(reference) ? await tagged(registry, folder, reference) : undefined;
  return digest === undefined ? undefined : describe(registry, folder, digest);
}

async function tagged(
  { cache }: RegistryState,
  folder: RepositoryFolder,
  tag: string,
): Promise<Digest | undefined> {
  const path = folder.tagPath(tag);
  const known = cache.tags.get(path);
  if (known !== undefined) return known;
  // What is read while the tag is being changed is not remembered.
  const changes = cache.changes;
  const digest = await folder.tag(tag);
  if (digest !== undefined && changes === cache.changes) cache.tags.set(path, digest);
  return digest;
}

async function read(
  { cache }: RegistryState,
  folder: RepositoryFolder,
  descriptor: Descriptor,
  options: SignalOptions,
): Promise<Manifest> {
  const { digest, mediaType } = descriptor;
  const known = cache.manifests.get(`${digest} ${mediaType}`);
  if (known !== undefined) return { ...known, descriptor };
  const source = blobFileContent(folder.layout, descriptor, { witness: cache }).open(options);
  const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
  const manifest = { ...parseManifest(bytes, { digest, mediaType }), descriptor };
  cache.manifests.set(`${digest} ${mediaType}`, manifest, 4 * bytes.byteLength);
  return manifest;
}

/** Tags first: a crash in between leaves no tag that leads nowhere. */
async function remove(registry: RegistryState, folder: RepositoryFolder, digest: Digest): Promise<boolean> {
  const { files, cache, pool, stale } = registry;
  const descriptor = await describe(registry, folder, digest);
  if (descriptor === undefined) return false;
  const subject = await read(registry, folder, descriptor, {}).then(subjectOf, () => undefined);
  await stale.add(folder.name);
  for (const tag of await folder.tags()) {
    if ((await folder.tag(tag)) === digest) await removeTag(registry, folder, tag);
  }
  const paths = [
    folder.manifestPath(digest),
    ...(subject === undefined ? [] : [folder.referrerPath(subject, digest)]),
  ];
  for (const path of paths) await removeFile(path);
  cache.descriptors.delete(folder.manifestPath(digest));
  cache.release(folder.name, digest);
  await pool.remove(digest, folder.layout);
  await Promise.all(paths.map((path) => files.synced(dirname(path))));
  stale.changed(folder.name);
  return true;
}

async function removeTag(
  { files, cache }: RegistryState,
  folder: RepositoryFolder,
  tag: string,
): Promise<boolean> {
  const path = folder.tagPath(tag);
  cache.forgetTag(folder.name, path);
  const removed = await removeFile(path);
  cache.forgetTag(folder.name, path);
  if (removed) await files.synced(dirname(path));
  return removed;
}

export function openTags(registry: RegistryState, folder: RepositoryFolder): Tags {
  return {
    async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
      signal?.throwIfAborted();
      if (!(await folder.holdsSomething())) {
        throw new NotFoundError('NAME_UNKNOWN', `there is no repository ${folder.name}`);
      }
      const tags = await listing(registry, folder);
      let at = after === undefined ? 0 : firstAfter(tags, after);
      for (let tag = tags[at]; tag !== undefined; tag = tags[++at]) yield tag;
    },
    async delete(tag, { signal } = {}) {
      signal?.throwIfAborted();
      if (!isTag(tag) || (await folder.tag(tag)) === undefined) return false;
      return lockOf(registry, folder.name).exclusive(async () => {
        await registry.stale.add(folder.name);
        const removed = await removeTag(registry, folder, tag);
        registry.stale.changed(folder.name);
        return removed;
      });
    },
  };
}

/** Every tag, in order. */
async function listing({ cache }: RegistryState, folder: RepositoryFolder): Promise<readonly string[]> {
  if (cache.listing?.repository === folder.name) return cache.listing.tags;
  const changes = cache.changes;
  const tags = listed(await folder.tags());
  if (changes === cache.changes) cache.listing = { repository: folder.name, tags };
  return tags;
}

/** Where in the sorted names those begin that come after `after`. */
function firstAfter(names: readonly string[], after: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(names[middle] ?? '', after) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function openReferrers(registry: RegistryState, folder: RepositoryFolder): Repository['referrers'] {
  return async function* referrers(
    subject: Digest,
    options: ReferrersOptions = {},
  ): AsyncIterable<Descriptor> {
    options.signal?.throwIfAborted();
    for (const digest of (await folder.referrers(subject)).sort(compareBytes)) {
      const descriptor = await describe(registry, folder, digest);
      if (descriptor === undefined) continue;
      const entry = referrerEntry(await read(registry, folder, descriptor, options));
      const wanted = options.artifactType ?? entry.artifactType;
      if (entry.artifactType === wanted) yield entry;
    }
  };
}
