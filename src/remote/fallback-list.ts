import { ContentError } from '../errors.ts';
import { encodeManifest, manifestLimit } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';

/** The entry that a list should have for each referrer; undefined for no entry. */
export type WantedEntries = ReadonlyMap<Digest, Descriptor | undefined>;

/**
 * Returns the current list with the wanted entries added or removed, each digest once and in the order of digests. Returns
 * undefined if the list is already so. Keeps the other entries, with their unknown fields.
 * Throws MANIFEST_INVALID if the current manifest is no OCI index, because it may be a user's image. Throws TOO_LARGE for a list
 * that no client could read.
 */
export function changedList(
  what: string,
  current: Manifest | undefined,
  wanted: WantedEntries,
): Uint8Array | undefined {
  if (current !== undefined && current.descriptor.mediaType !== MediaType.ociIndex) {
    const { digest, mediaType } = current.descriptor;
    throw new ContentError(
      'MANIFEST_INVALID',
      `${what}: the tag leads to ${digest}, which is ${mediaType} and no list of referrers; gantry does not overwrite it`,
      { expected: MediaType.ociIndex, actual: mediaType },
    );
  }
  const entries = current?.body.kind === 'index' ? current.body.manifests : [];
  if ([...wanted].every(([digest, entry]) => isAsWanted(entries, digest, entry))) return undefined;
  const document = current === undefined ? {} : documentOf(current);
  const raw: readonly unknown[] = Array.isArray(document['manifests']) ? document['manifests'] : [];
  const merged = new Map<Digest, unknown>();
  for (const [at, { digest }] of entries.entries()) if (!merged.has(digest)) merged.set(digest, raw[at]);
  for (const [digest, entry] of wanted) {
    if (entry === undefined) merged.delete(digest);
    else merged.set(digest, entry);
  }
  const manifests = [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  const bytes = encodeManifest({ schemaVersion: 2, mediaType: MediaType.ociIndex, ...document, manifests });
  if (bytes.byteLength <= manifestLimit) return bytes;
  throw new ContentError('TOO_LARGE', `${what}: the list would have more than ${manifestLimit} bytes`, {
    expected: manifestLimit,
    actual: bytes.byteLength,
  });
}

function isAsWanted(entries: readonly Descriptor[], digest: Digest, wanted: Descriptor | undefined): boolean {
  const [there, again] = entries.filter((entry) => entry.digest === digest);
  if (wanted === undefined || there === undefined) return wanted === there;
  return again === undefined && meaning(there) === meaning(wanted);
}

/** Returns the meaning of an entry: other writers leave fields out, or write them in another order. */
function meaning({ artifactType, annotations = {} }: Descriptor): string {
  const sorted = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([artifactType, sorted]);
}

function documentOf({ bytes }: Manifest): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
