import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { blobFileContent, blobSize } from '../blobfile/blob-file.ts';
import { ContentError, NotFoundError } from '../errors.ts';
import { absentAs } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit } from '../json/manifest.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import { compareBytes } from '../store/listing.ts';
import { Reachability } from '../store/reachability.ts';

/** Settings of `LayoutRepository.collectGarbage`. */
export interface LayoutGarbageOptions extends SignalOptions {
  /**
   * Only finds the blobs, and removes none.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean | undefined;
}

/** A blob of a layout that nothing in index.json leads to. */
export interface LayoutGarbage {
  /** The digest of the blob. */
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/**
 * Lists the blobs of a layout that no root leads to, by their digests. Follows every digest in every JSON document, of any kind, so
 * that in doubt a blob stays.
 * @throws MANIFEST_INVALID when a document is damaged, since it may need any blob
 */
export async function layoutGarbage(
  folder: string,
  roots: Iterable<Digest>,
  { signal }: SignalOptions,
): Promise<readonly LayoutGarbage[]> {
  const needed = await reachedFrom(folder, roots, { signal });
  const found: LayoutGarbage[] = [];
  const blobs = join(folder, 'blobs');
  for (const algorithm of (await absentAs([], readdir(blobs))).sort(compareBytes)) {
    for (const encoded of (await absentAs([], readdir(join(blobs, algorithm)))).sort(compareBytes)) {
      const digest = `${algorithm}:${encoded}`;
      if (!isDigest(digest) || needed.has(digest)) continue;
      const size = await blobSize(folder, digest);
      if (size !== undefined) found.push({ digest, size });
    }
  }
  return found;
}

async function reachedFrom(
  folder: string,
  roots: Iterable<Digest>,
  options: SignalOptions,
): Promise<ReadonlySet<Digest>> {
  const reachability = new Reachability({
    name: folder,
    tags: { async *list() {} },
    manifests: {
      resolve: async () => undefined,
      get: async (digest) => ({ bytes: await documentOf(folder, digest, options) }),
    },
    async *referrers() {},
  });
  const reached = new Set(roots);
  // A Set also yields the elements that are added during the iteration.
  for (const digest of reached) {
    options.signal?.throwIfAborted();
    const named = await reachability.neededBy([digest]);
    if (named === undefined)
      throw new ContentError(
        'MANIFEST_INVALID',
        `${folder}: the document ${digest} is damaged and may need any blob, so all stay: copy its image there again with --repair, or remove it`,
      );
    for (const one of named) reached.add(one);
  }
  return reached;
}

const openBrace = 0x7b;
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** Returns the bytes of a JSON document, and none of any other blob. */
async function documentOf(folder: string, digest: Digest, options: SignalOptions): Promise<Uint8Array> {
  const size = await blobSize(folder, digest);
  if (size === undefined) throw new NotFoundError('MANIFEST_UNKNOWN', `${folder} has no blob ${digest}`);
  if (size > manifestLimit) return new Uint8Array();
  const content = blobFileContent(folder, { mediaType: MediaType.octetStream, digest, size });
  const bytes = await collect(content.open(options), { limit: manifestLimit, what: `blob ${digest}` });
  return bytes.find((byte) => !spaces.has(byte)) === openBrace ? bytes : new Uint8Array();
}
