import { type Digest, digestAlgorithm, digestEncoded } from './digest.ts';

/**
 * Returns the tag that lists the referrers of `subject` on a registry without the referrers API.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
 */
export function referrersTag(subject: Digest): string {
  const algorithm = digestAlgorithm(subject).slice(0, 32);
  const encoded = digestEncoded(subject).slice(0, 64);
  return `${algorithm}-${encoded}`.replace(/[^a-zA-Z0-9._-]/g, '-');
}

/** True if the tag has the form of a fallback tag with a digest that gantry computes. */
export function isReferrersTag(tag: string): boolean {
  return /^sha(?:256|512)-[0-9a-f]{64}$/.test(tag);
}

/** Returns the tags under which older versions of cosign store signatures, attestations and SBOMs of `subject`. */
export function cosignTags(subject: Digest): readonly string[] {
  return ['sig', 'att', 'sbom'].map((kind) => `${referrersTag(subject)}.${kind}`);
}

/** True if the tag has the form of cosign's tags. */
export function isCosignTag(tag: string): boolean {
  return /^sha(?:256|512)-[0-9a-f]{64}\.(?:sig|att|sbom)$/.test(tag);
}
