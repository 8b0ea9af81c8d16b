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
