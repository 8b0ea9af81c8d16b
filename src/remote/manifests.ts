import { AuthError, ContentError, isGantryError, NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { checkBytes, checkTags, refuseCreateOnly } from '../store/admission.ts';
import type { Manifests, SignalOptions } from '../store/contract.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import { type Exchange, isDeleted, type ListChange, performBodiless } from './exchange.ts';
import { demandManifest, resolveManifest, understood } from './get-manifest.ts';
import type { RootMemory } from './known-roots.ts';
import { putUnder } from './put-manifest.ts';
import { hasReferrersApi } from './referrers.ts';

// Loaded when needed, since few manifests have a subject.
const listing = () => import('./fallback-tag.ts');

export function remoteManifests(exchange: Exchange, repository: string): Manifests {
  return {
    async resolve(reference, { whole = false, ...options } = {}) {
      const found = await resolveManifest(exchange, repository, reference, options);
      // A copy asks its destination.
      if (whole) note(exchange.roots, repository, reference, found);
      return found;
    },

    known: () => exchange.roots.of(repository),

    get: (reference, options) => demandManifest(exchange, repository, reference, understood, options),

    getRaw: (reference, options) => demandManifest(exchange, repository, reference, (raw) => raw, options),

    async put(manifest, options = {}) {
      const { tags = [], tagsOnly = false, signal } = options;
      refuseCreateOnly(`${exchange.registry}/${repository}`, options);
      // A registry cannot check bytes that it gets under a tag.
      checkBytes(manifest);
      checkTags(tags);
      const listed = await putUnder(exchange, repository, manifest, [...new Set(tags)], { signal }).catch(
        (error: unknown) => {
          if (isGantryError(error, 'MANIFEST_BLOB_UNKNOWN')) {
            exchange.capabilities.recentWrites.forget(repository);
            exchange.roots.lost(repository, manifest.descriptor.digest);
          }
          throw error;
        },
      );
      exchange.roots.saw(repository, manifest.descriptor.digest, tags);
      const subject = subjectOf(manifest);
      if (subject === undefined) return;
      if (listed) exchange.capabilities.referrers.saw(true);
      else if (tagsOnly || (await hasReferrersApi(exchange, repository, subject, { signal }))) return;
      else {
        const { digest } = manifest.descriptor;
        await list(exchange, repository, subject, { digest, entry: referrerEntry(manifest) }, { signal });
      }
    },

    async delete(digest, options) {
      const subject = await listedSubject(exchange, repository, digest, options);
      const operation = { kind: 'manifest.delete', repository, reference: digest } as const;
      const { response } = await performBodiless(exchange, operation, [202, 200, 204, 404], options);
      exchange.roots.lost(repository, digest);
      if (subject !== undefined) {
        await list(exchange, repository, subject, { digest }, options);
      }
      return isDeleted(response);
    },
  };
}

function note(roots: RootMemory, repository: string, reference: string, found: Descriptor | undefined): void {
  if (found === undefined) roots.lost(repository, reference);
  else roots.saw(repository, found.digest, isDigest(reference) ? [] : [reference]);
}

/**
 * Changes the list of a subject. The referrer itself is already stored or deleted. So a list that never reads as written, because
 * the registry answers from a cache or other writers overwrite it, is only a warning.
 */
async function list(
  exchange: Exchange,
  repository: string,
  subject: Digest,
  change: ListChange,
  options: SignalOptions = {},
): Promise<void> {
  try {
    await (await listing()).changeList(exchange, repository, subject, change, options);
  } catch (error) {
    if (!isGantryError(error, 'UNEXPECTED_ANSWER')) throw error;
    const done = change.entry === undefined ? 'deleted' : 'stored';
    exchange.warn?.(
      `${change.digest} is ${done}, but the list of referrers may not say so yet: ${error.message}`,
    );
  }
}

/**
 * Returns the subject of a manifest before its deletion, if the fallback tag of that subject may list it. Reads the manifest,
 * unless the registry lists referrers itself, which one question shows. An unreadable manifest can be deleted all the same.
 */
async function listedSubject(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  options: SignalOptions = {},
): Promise<Digest | undefined> {
  try {
    if (exchange.capabilities.referrers.isListed() === true) return undefined;
    if (await hasReferrersApi(exchange, repository, digest, options)) return undefined;
    return subjectOf(await demandManifest(exchange, repository, digest, understood, options));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof ContentError || error instanceof NotFoundError || error instanceof AuthError) {
      return undefined;
    }
    throw error;
  }
}
