import { blobFileContent } from '../blobfile/blob-file.ts';
import { isGantryError, StorageError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { blobsOf, manifestsOf } from '../spec/manifest.ts';
import type { RepositoryFolder } from './folder.ts';

/** What the manifests of a repository refer to. A manifest never changes, so each is read once. */
export class Reachability {
  readonly #folder: RepositoryFolder;
  readonly #known = createSingleFlight<Digest, ReadonlySet<Digest>>({ keep: true });

  constructor(folder: RepositoryFolder) {
    this.#folder = folder;
  }

  /** The manifests and all that stands in them; undefined if one of them can't be read. */
  async ofAll(manifests: readonly Digest[]): Promise<ReadonlySet<Digest> | undefined> {
    const all = new Set<Digest>(manifests);
    for (const digest of manifests) {
      const needed = await this.#of(digest).catch(() => undefined);
      // One that was deleted meanwhile needs nothing.
      if (needed === undefined && (await this.#folder.hasManifest(digest))) return undefined;
      for (const child of needed ?? []) all.add(child);
    }
    return all;
  }

  /** Which of the manifests a tag leads to: by its name, as a part of an index, or because they are about one that stays. */
  async leadsTo(manifests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const there = new Set(manifests);
    const kept = new Set<Digest>();
    for (const tag of await this.#folder.tags()) {
      const digest = await this.#folder.tag(tag);
      if (digest !== undefined) kept.add(digest);
      else await this.#mustBeGone(tag);
    }
    // A Set hands out what is added while it is iterated.
    for (const digest of kept) {
      for (const referrer of await this.#folder.referrers(digest))
        if (there.has(referrer)) kept.add(referrer);
      if (!there.has(digest)) continue;
      const needed = await this.#of(digest).catch(() => undefined);
      for (const child of needed ?? there) if (there.has(child)) kept.add(child);
    }
    return kept;
  }

  /** Throws IO_FAILED for a tag whose file names no digest: any manifest may be the one that it names. */
  async #mustBeGone(tag: string): Promise<void> {
    const path = this.#folder.tagPath(tag);
    if ((await lookAt(path)) === undefined) return;
    const why = 'its file names no digest, so every manifest may be tagged, and all stay';
    throw new StorageError('IO_FAILED', `tag ${tag}: ${why}; push the tag again, or delete it`, { path });
  }

  #of(digest: Digest): Promise<ReadonlySet<Digest>> {
    return this.#known.run(digest, () => digestsIn(this.#folder, digest));
  }
}

const digestLike = /sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g;

/**
 * Every digest that stands in a manifest, in whatever place of whatever kind of document: whoever deletes had better keep too
 * much. Throws what reading throws: of a manifest that can't be read nobody knows what it needs.
 */
async function digestsIn(folder: RepositoryFolder, digest: Digest): Promise<ReadonlySet<Digest>> {
  const source = blobFileContent(folder.layout, digest).open();
  const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
  const found = new Set<Digest>();
  for (const [text] of Buffer.from(bytes).toString('latin1').matchAll(digestLike)) {
    if (isDigest(text)) found.add(text);
  }
  try {
    // Also what is written with escapes.
    const manifest = parseManifest(bytes, { digest });
    for (const child of [...blobsOf(manifest.body), ...manifestsOf(manifest.body)]) found.add(child.digest);
  } catch (error) {
    if (!isGantryError(error, 'MANIFEST_INVALID')) throw error;
  }
  return found;
}
