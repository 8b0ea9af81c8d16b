import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';

/** The manifest that this one refers to, which need not exist. */
export function subjectOf({ body }: Pick<Manifest, 'body'>): Digest | undefined {
  return body.kind === 'unknown' ? undefined : body.subject?.digest;
}

/**
 * How a manifest is listed among the referrers of its subject: an image without an artifactType of its own goes by
 * its config's media type, an index without one goes by none.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export function referrerEntry({ descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>): Descriptor {
  const { mediaType, digest, size } = descriptor;
  const entry = { mediaType, digest, size };
  if (body.kind === 'unknown') return entry;
  const artifactType = body.artifactType ?? (body.kind === 'image' ? body.config.mediaType : undefined);
  return {
    ...entry,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(body.annotations === undefined ? {} : { annotations: body.annotations }),
  };
}
