import { type Digest, digestAlgorithm, digestEncoded } from './digest.ts';

/**
 * The tag under which the referrers of `subject` are listed on a registry without the referrers API.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
 */
export function referrersTag(subject: Digest): string {
  const algorithm = digestAlgorithm(subject).slice(0, 32);
  const encoded = digestEncoded(subject).slice(0, 64);
  return `${algorithm}-${encoded}`.replace(/[^a-zA-Z0-9._-]/g, '-');
}

/** Whether the tag has the form of a list of referrers, of a digest that can be computed. */
export function isReferrersTag(tag: string): boolean {
  return /^sha(?:256|512)-[0-9a-f]{64}$/.test(tag);
}

/** The tags under which cosign keeps what it says about `subject`, from before there were referrers. */
export function cosignTags(subject: Digest): readonly string[] {
  return ['sig', 'att', 'sbom'].map((kind) => `${referrersTag(subject)}.${kind}`);
}

/** Whether the tag has the form of cosign's. */
export function isCosignTag(tag: string): boolean {
  return /^sha(?:256|512)-[0-9a-f]{64}\.(?:sig|att|sbom)$/.test(tag);
}
