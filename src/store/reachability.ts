import { isGantryError, StorageError } from '../errors.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { parseManifest } from '../json/manifest.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { blobsOf, manifestsOf } from '../spec/manifest.ts';
import type { ListOptions, SignalOptions } from './contract.ts';

/**
 * The parts of a repository that show the references in it. Every `Repository` has them. A place that collects garbage may
 * give a cheaper view of its own, which must tell absent content from unreadable content.
 */
export interface References {
  readonly name: string;
  readonly tags: { list(options?: ListOptions): AsyncIterable<string> };
  readonly manifests: {
    /** Returns undefined for a tag that does not exist, or whose digest cannot be read. */
    resolve(tag: string, options?: SignalOptions): Promise<{ readonly digest: Digest } | undefined>;
    /** Throws MANIFEST_UNKNOWN only for a manifest that does not exist any more. */
    get(digest: Digest, options?: SignalOptions): Promise<{ readonly bytes: Uint8Array }>;
  };
  /** Lists the manifests with this subject. */
  referrers(subject: Digest, options?: SignalOptions): AsyncIterable<{ readonly digest: Digest }>;
}

/** Manifests that are read at the same time. */
const atOnce = 8;

/**
 * Finds the content that a repository needs: the one algorithm for all collections of garbage. In doubt it keeps content. A
 * manifest never changes, so each is read once.
 */
export class Reachability {
  readonly #references: References;
  readonly #known = createSingleFlight<Digest, ReadonlySet<Digest>>({ keep: true });

  constructor(references: References) {
    this.#references = references;
  }

  /**
   * Returns the digests of the manifests and all digests in them. Returns undefined when one of them cannot be read, since it
   * may need any blob.
   */
  async neededBy(manifests: readonly Digest[]): Promise<ReadonlySet<Digest> | undefined> {
    const all = new Set<Digest>(manifests);
    for (let at = 0; at < manifests.length; at += atOnce) {
      const some = manifests.slice(at, at + atOnce).map((digest) => this.#namedIn(digest));
      for (const named of await Promise.all(some)) {
        if (named === undefined) return undefined;
        for (const digest of named) all.add(digest);
      }
    }
    return all;
  }

  /**
   * Returns the digests that a tag reaches: the tagged manifests, all digests in them, and the referrers of all of these. An
   * unreadable manifest reaches all `manifests`.
   * @throws IO_FAILED for a tag with an unreadable digest, since it may name any manifest
   */
  async reachedByTags(manifests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const there = new Set(manifests);
    const reached = await this.#tagged();
    // A Set also yields the elements that are added during the iteration.
    for (const digest of reached) {
      for await (const referrer of this.#references.referrers(digest)) {
        if (there.has(referrer.digest)) reached.add(referrer.digest);
      }
      if (!there.has(digest)) continue;
      for (const named of (await this.#namedIn(digest)) ?? there) if (there.has(named)) reached.add(named);
    }
    return reached;
  }

  async #tagged(): Promise<Set<Digest>> {
    const { name, manifests, tags } = this.#references;
    const found = new Set<Digest>();
    const unclear = new Set<string>();
    for await (const tag of tags.list()) {
      const tagged = await manifests.resolve(tag);
      if (tagged === undefined) unclear.add(tag);
      else found.add(tagged.digest);
    }
    if (unclear.size === 0) return found;
    // A tag may have been deleted or set between the two questions.
    for await (const tag of tags.list()) {
      if (!unclear.has(tag)) continue;
      const tagged = await manifests.resolve(tag);
      if (tagged !== undefined) {
        found.add(tagged.digest);
        continue;
      }
      const why = 'no digest can be read for it, so it may name any manifest, and all stay';
      const path = `${name}:${tag}`;
      throw new StorageError('IO_FAILED', `tag ${tag}: ${why}; push the tag again, or delete it`, { path });
    }
    return found;
  }

  /** Returns undefined for an unreadable manifest, and nothing for a deleted one. */
  async #namedIn(digest: Digest): Promise<ReadonlySet<Digest> | undefined> {
    try {
      return await this.#known.run(digest, async () => {
        return digestsIn((await this.#references.manifests.get(digest)).bytes, digest);
      });
    } catch (error) {
      return isGantryError(error, 'MANIFEST_UNKNOWN') ? new Set() : undefined;
    }
  }
}

const digestLike = /sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g;

/**
 * Finds every digest in a manifest, in any field of any kind of document: a collection had better keep too much.
 * @throws TOO_LARGE above the limit of manifests
 */
function digestsIn(bytes: Uint8Array, digest: Digest): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  for (const [text] of new TextDecoder('latin1').decode(bytes).matchAll(digestLike)) {
    if (isDigest(text)) found.add(text);
  }
  try {
    // Also finds digests that are written with escapes.
    const { body } = parseManifest(bytes, { digest });
    for (const named of [...blobsOf(body), ...manifestsOf(body)]) found.add(named.digest);
  } catch (error) {
    if (!isGantryError(error, 'MANIFEST_INVALID')) throw error;
  }
  return found;
}
