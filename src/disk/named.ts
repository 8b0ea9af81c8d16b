import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { blobFileContent } from '../layout/blob-file.ts';
import type { Digest } from '../spec/digest.ts';
import { isDigest } from '../spec/digest.ts';
import { blobsOf, manifestsOf } from '../spec/manifest.ts';
import { subjectOf } from '../store/referrers.ts';
import type { RepositoryFolder } from './folder.ts';

/** What a manifest needs, and what it is about. */
export interface Named {
  readonly digests: ReadonlySet<Digest>;
  readonly subject: Digest | undefined;
}

const digestLike = /sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g;

/**
 * Every digest that stands in a manifest, in whatever place of whatever kind of document: whoever deletes had better keep too
 * much. Throws what reading throws: of a manifest that can't be read nobody knows what it needs.
 */
export async function namedIn(folder: RepositoryFolder, digest: Digest): Promise<Named> {
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
    const subject = subjectOf(manifest);
    return { digests: found, subject };
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_INVALID')) return { digests: found, subject: undefined };
    throw error;
  }
}
