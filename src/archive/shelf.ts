import { InputError, NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isTag } from '../spec/reference.ts';
import { checkBlobs, checkBytes, refuseCreateOnly } from '../store/admission.ts';
import type { Blobs, ListOptions, Manifests, ReferrersOptions, Repository, Tags } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import { fullName } from './names.ts';

/** The manifests and names on their way into an archive: small enough to keep in memory until it is written. */
export interface Shelf {
  readonly all: ReadonlyMap<Digest, Manifest>;
  /** Each name, with the manifest that it stands for. */
  readonly names: ReadonlyMap<string, Digest>;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Repository['referrers'];
}

/** `beside`: manifests of an archive that is added to. */
export function createShelf(
  path: string,
  blobs: Blobs,
  beside: (reference: string) => Manifest | undefined = () => undefined,
): Shelf {
  const all = new Map<Digest, Manifest>();
  const names = new Map<string, Digest>();
  const find = (reference: string): Manifest | undefined => {
    // Names first: `alpine:3` has the form of a digest of some algorithm, too.
    const digest = names.get(reference) ?? (isDigest(reference) ? reference : undefined);
    return (digest === undefined ? undefined : all.get(digest)) ?? beside(reference);
  };
  return {
    all,
    names,
    manifests: {
      async resolve(reference, { signal } = {}) {
        signal?.throwIfAborted();
        return find(reference)?.descriptor;
      },
      async get(reference, { signal } = {}) {
        signal?.throwIfAborted();
        const manifest = find(reference);
        if (manifest !== undefined) return { ...manifest, bytes: manifest.bytes.slice() };
        throw new NotFoundError('MANIFEST_UNKNOWN', `${path} has no manifest ${reference}`);
      },
      async put(manifest, options = {}) {
        const { tags = [], signal } = options;
        signal?.throwIfAborted();
        refuseCreateOnly(path, options);
        for (const tag of tags) checkName(tag);
        checkBytes(manifest);
        await checkBlobs(manifest, blobs, options);
        const { mediaType, digest, size } = manifest.descriptor;
        // A copy: the caller's array is the caller's to change.
        all.set(digest, {
          ...manifest,
          descriptor: { mediaType, digest, size },
          bytes: manifest.bytes.slice(),
        });
        for (const tag of tags) names.set(tag, digest);
      },
      async delete(digest, { signal } = {}) {
        signal?.throwIfAborted();
        for (const [name, named] of names) {
          if (named === digest) names.delete(name);
        }
        return all.delete(digest);
      },
    },
    tags: {
      async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
        signal?.throwIfAborted();
        if (all.size === 0) throw new NotFoundError('NAME_UNKNOWN', `there is nothing in ${path}`);
        yield* listed(names.keys(), after);
      },
      async delete(tag, { signal } = {}) {
        signal?.throwIfAborted();
        return names.delete(tag);
      },
    },
    async *referrers(
      subject: Digest,
      { artifactType, signal }: ReferrersOptions = {},
    ): AsyncIterable<Descriptor> {
      signal?.throwIfAborted();
      for (const manifest of all.values()) {
        if (subjectOf(manifest) !== subject) continue;
        const entry = referrerEntry(manifest);
        if (artifactType === undefined || entry.artifactType === artifactType) yield entry;
      }
    },
  };
}

/** In an archive a tag may be a full name, which is what `docker load` needs. Throws INVALID_REFERENCE. */
export function checkName(name: string): void {
  if (isTag(name) || fullName(name) !== undefined) return;
  throw new InputError('INVALID_REFERENCE', `"${name.slice(0, 200)}" is not a tag or a name`);
}
