import { NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { checkBlobs, checkBytes, checkStanding, checkTags, type Standing } from '../store/admission.ts';
import type { Blobs, ListOptions, Manifests, ReferrersOptions, Repository, Tags } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import { holdsSomething, type RegistryState, type RepositoryState, repositoryState } from './state.ts';

export function openManifests(registry: RegistryState, name: string, blobs: Blobs): Manifests {
  const find = (reference: string): Manifest | undefined => {
    const repository = registry.repositories.get(name);
    const digest = isDigest(reference) ? reference : repository?.tags.get(reference);
    return digest === undefined ? undefined : repository?.manifests.get(digest);
  };
  return {
    async resolve(reference, { signal } = {}) {
      signal?.throwIfAborted();
      return find(reference)?.descriptor;
    },
    async get(reference, { signal } = {}) {
      signal?.throwIfAborted();
      const manifest = find(reference);
      if (manifest === undefined) {
        throw new NotFoundError('MANIFEST_UNKNOWN', `${name} has no manifest ${reference}`);
      }
      return { ...manifest, bytes: new Uint8Array(manifest.bytes) };
    },
    async put(manifest, options = {}) {
      const { tags = [], signal } = options;
      signal?.throwIfAborted();
      checkTags(tags);
      checkBytes(manifest);
      await checkBlobs(manifest, blobs, options);
      const repository = repositoryState(registry, name);
      // No await follows, so the check and the write are one step.
      checkStanding({ name, ...standing(repository, manifest, tags) }, manifest, options);
      keep(repository, manifest, tags);
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      const repository = registry.repositories.get(name);
      return repository !== undefined && remove(repository, digest);
    },
  };
}

function standing(
  { manifests, tags }: RepositoryState,
  { descriptor: { digest } }: Manifest,
  wanted: readonly string[],
): Pick<Standing, 'same' | 'taken'> {
  return {
    same: manifests.get(digest)?.descriptor,
    taken: wanted.find((tag) => (tags.get(tag) ?? digest) !== digest),
  };
}

function keep(repository: RepositoryState, manifest: Manifest, tags: readonly string[]): void {
  const { mediaType, digest, size } = manifest.descriptor;
  // A copy, since the caller may change its own array.
  const bytes = new Uint8Array(manifest.bytes);
  repository.manifests.set(digest, { descriptor: { mediaType, digest, size }, bytes, body: manifest.body });
  const subject = subjectOf(manifest);
  if (subject !== undefined) {
    const entries = repository.referrers.get(subject) ?? new Map<Digest, Descriptor>();
    repository.referrers.set(subject, entries.set(digest, referrerEntry(manifest)));
  }
  for (const tag of tags) repository.tags.set(tag, digest);
}

function remove(repository: RepositoryState, digest: Digest): boolean {
  const manifest = repository.manifests.get(digest);
  if (manifest === undefined) return false;
  repository.manifests.delete(digest);
  for (const [tag, tagged] of repository.tags) {
    if (tagged === digest) repository.tags.delete(tag);
  }
  const subject = subjectOf(manifest);
  if (subject !== undefined) repository.referrers.get(subject)?.delete(digest);
  return true;
}

export function openTags(registry: RegistryState, name: string): Tags {
  return {
    async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
      signal?.throwIfAborted();
      const repository = registry.repositories.get(name);
      if (repository === undefined || !holdsSomething(repository)) {
        throw new NotFoundError('NAME_UNKNOWN', `the repository ${name} does not exist`);
      }
      yield* listed(repository.tags.keys(), after);
    },
    async delete(tag, { signal } = {}) {
      signal?.throwIfAborted();
      return registry.repositories.get(name)?.tags.delete(tag) ?? false;
    },
  };
}

export function openReferrers(registry: RegistryState, name: string): Repository['referrers'] {
  return async function* referrers(
    subject: Digest,
    { artifactType, signal }: ReferrersOptions = {},
  ): AsyncIterable<Descriptor> {
    signal?.throwIfAborted();
    const entries = registry.repositories.get(name)?.referrers.get(subject);
    for (const entry of entries?.values() ?? []) {
      if (artifactType === undefined || entry.artifactType === artifactType) yield entry;
    }
  };
}
