import { InputError, NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isTag } from '../spec/reference.ts';
import { checkBlobs, checkBytes, refuseCreateOnly } from '../store/admission.ts';
import type { Blobs, ListOptions, Manifests, ReferrersOptions, Repository, Tags } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { fullName } from './names.ts';
import { referrersAmong } from './referrers.ts';

/** The manifests and names of an archive that is not yet written. They are small, so they stay in memory. */
export interface StagedManifests {
  readonly all: ReadonlyMap<Digest, Manifest>;
  /** Each name with the digest of its manifest. */
  readonly names: ReadonlyMap<string, Digest>;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Repository['referrers'];
}

/** The manifests and names so far, which the parts of the contract share. */
interface Kept {
  readonly path: string;
  readonly all: Map<Digest, Manifest>;
  readonly names: Map<string, Digest>;
}

/** `beside` finds manifests of an archive that is added to. */
export function createStagedManifests(
  path: string,
  blobs: Blobs,
  beside: (reference: string) => Manifest | undefined = () => undefined,
): StagedManifests {
  const kept: Kept = { path, all: new Map(), names: new Map() };
  const { all, names } = kept;
  const find = (reference: string): Manifest | undefined => {
    // Looks for a name first: by its grammar, `alpine:3` could also be a digest.
    const digest = names.get(reference) ?? (isDigest(reference) ? reference : undefined);
    return (digest === undefined ? undefined : all.get(digest)) ?? beside(reference);
  };
  return {
    all,
    names,
    manifests: manifestsOf(kept, blobs, find),
    tags: tagsOf(kept),
    referrers: (subject: Digest, options: ReferrersOptions = {}): AsyncIterable<Descriptor> =>
      referrersAmong(all.values(), subject, options),
  };
}

function manifestsOf(
  { path, all, names }: Kept,
  blobs: Blobs,
  find: (reference: string) => Manifest | undefined,
): Manifests {
  return {
    async resolve(reference, { signal } = {}) {
      signal?.throwIfAborted();
      return find(reference)?.descriptor;
    },
    async get(reference, { signal } = {}) {
      signal?.throwIfAborted();
      const manifest = find(reference);
      if (manifest !== undefined) return { ...manifest, bytes: new Uint8Array(manifest.bytes) };
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
      // Copies the bytes, since the caller may change its array later.
      all.set(digest, {
        ...manifest,
        descriptor: { mediaType, digest, size },
        bytes: new Uint8Array(manifest.bytes),
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
  };
}

function tagsOf({ path, all, names }: Kept): Tags {
  return {
    async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
      signal?.throwIfAborted();
      if (all.size === 0) throw new NotFoundError('NAME_UNKNOWN', `${path} holds no images`);
      yield* listed(names.keys(), after);
    },
    async delete(tag, { signal } = {}) {
      signal?.throwIfAborted();
      return names.delete(tag);
    },
  };
}

/**
 * Accepts a tag or a full name, which `docker load` needs.
 * @throws INVALID_REFERENCE for any other text
 */
export function checkName(name: string): void {
  if (isTag(name) || fullName(name) !== undefined) return;
  throw new InputError('INVALID_REFERENCE', `"${name.slice(0, 200)}" is not a tag or a name`);
}
