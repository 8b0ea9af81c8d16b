import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { ReferrersOptions } from '../store/contract.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';

/** Yields the entries of the manifests that refer to `subject`. */
export async function* referrersAmong(
  manifests: Iterable<Manifest>,
  subject: Digest,
  { artifactType, signal }: ReferrersOptions,
): AsyncIterable<Descriptor> {
  signal?.throwIfAborted();
  for (const manifest of manifests) {
    if (subjectOf(manifest) !== subject) continue;
    const entry = referrerEntry(manifest);
    if (artifactType === undefined || entry.artifactType === artifactType) yield entry;
  }
}
