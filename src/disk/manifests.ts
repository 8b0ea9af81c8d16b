import { NotFoundError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { blobFileContent } from '../layout/blob-file.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isTag } from '../spec/reference.ts';
import { checkBlobs, checkBytes, checkTags } from '../store/admission.ts';
import type {
  Blobs,
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
import { type RegistryState, turnsOf } from './state.ts';

export function openManifests(registry: RegistryState, folder: RepositoryFolder, blobs: Blobs): Manifests {
  return {
    async resolve(reference, { signal } = {}) {
      signal?.throwIfAborted();
      return resolve(folder, reference);
    },
    async get(reference, options = {}) {
      options.signal?.throwIfAborted();
      const descriptor = await resolve(folder, reference);
      if (descriptor !== undefined) return read(folder, descriptor, options);
      throw new NotFoundError('MANIFEST_UNKNOWN', `${folder.name} has no manifest ${reference}`);
    },
    async put(manifest, options = {}) {
      const { descriptor, bytes } = manifest;
      const { tags = [], signal } = options;
      signal?.throwIfAborted();
      checkTags(tags);
      checkBytes(manifest);
      await checkBlobs(manifest, blobs, options);
      await turnsOf(
        registry,
        folder.name,
      )(async () => {
        await registry.stale.add(folder.name);
        await registry.pool.put(bytes, descriptor.digest, folder.layout);
        await folder.setManifest(descriptor, subjectOf(manifest));
        for (const tag of tags) await folder.setTag(tag, descriptor.digest);
      });
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      return turnsOf(registry, folder.name)(() => remove(registry, folder, digest));
    },
  };
}

async function resolve(folder: RepositoryFolder, reference: string): Promise<Descriptor | undefined> {
  if (isDigest(reference)) return folder.manifest(reference);
  // What is no tag can't be one's file name either.
  const digest = isTag(reference) ? await folder.tag(reference) : undefined;
  return digest === undefined ? undefined : folder.manifest(digest);
}

async function read(
  folder: RepositoryFolder,
  descriptor: Descriptor,
  options: SignalOptions,
): Promise<Manifest> {
  const { digest, mediaType } = descriptor;
  const source = blobFileContent(folder.layout, descriptor).open(options);
  const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
  return { ...parseManifest(bytes, { digest, mediaType }), descriptor };
}

/** Tags first: a crash in between leaves no tag that leads nowhere. */
async function remove(registry: RegistryState, folder: RepositoryFolder, digest: Digest): Promise<boolean> {
  const descriptor = await folder.manifest(digest);
  if (descriptor === undefined) return false;
  const subject = subjectOf(await read(folder, descriptor, {}));
  await registry.stale.add(folder.name);
  for (const tag of await folder.tags()) {
    if ((await folder.tag(tag)) === digest) await folder.removeTag(tag);
  }
  await folder.removeManifest(digest, subject);
  await registry.pool.remove(digest, folder.layout);
  return true;
}

export function openTags(registry: RegistryState, folder: RepositoryFolder): Tags {
  return {
    async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
      signal?.throwIfAborted();
      if (!(await folder.holdsSomething())) {
        throw new NotFoundError('NAME_UNKNOWN', `there is no repository ${folder.name}`);
      }
      yield* listed(await folder.tags(), after);
    },
    async delete(tag, { signal } = {}) {
      signal?.throwIfAborted();
      if (!isTag(tag)) return false;
      return turnsOf(
        registry,
        folder.name,
      )(async () => {
        if ((await folder.tag(tag)) === undefined) return false;
        await registry.stale.add(folder.name);
        return folder.removeTag(tag);
      });
    },
  };
}

export function openReferrers(folder: RepositoryFolder): Repository['referrers'] {
  return async function* referrers(
    subject: Digest,
    options: ReferrersOptions = {},
  ): AsyncIterable<Descriptor> {
    options.signal?.throwIfAborted();
    for (const digest of (await folder.referrers(subject)).sort(compareBytes)) {
      const descriptor = await folder.manifest(digest);
      if (descriptor === undefined) continue;
      const entry = referrerEntry(await read(folder, descriptor, options));
      const wanted = options.artifactType ?? entry.artifactType;
      if (entry.artifactType === wanted) yield entry;
    }
  };
}
