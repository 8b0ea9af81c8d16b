import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { given } from '../spec/options.ts';

/** Returns the digest of the manifest that this one refers to. The subject need not exist. */
export function subjectOf({ body }: Pick<Manifest, 'body'>): Digest | undefined {
  return body.kind === 'unknown' ? undefined : body.subject?.digest;
}

/**
 * Makes the entry of a manifest in the list of its subject's referrers. An image without an artifactType is listed
 * under the media type of its config, an index without one under none.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export function referrerEntry({ descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>): Descriptor {
  const { mediaType, digest, size } = descriptor;
  const entry = { mediaType, digest, size };
  if (body.kind === 'unknown') return entry;
  const artifactType = body.artifactType ?? (body.kind === 'image' ? body.config.mediaType : undefined);
  return given({ ...entry, artifactType, annotations: body.annotations });
}
