import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { isServedType } from '../store/admission.ts';

/**
 * Returns the media type of a manifest that the store lists as `listed`; undefined when it cannot be known. The document has
 * a digest, and the file with the listed type has none. So the type in the document counts first, and a listed type that was
 * cut off gives way to the type that the fields of the document show.
 */
export function trueType({ body, descriptor }: Manifest, listed: string): string | undefined {
  if (body.mediaType !== undefined) return descriptor.mediaType;
  if (isServedType(listed)) return listed;
  // The document of a docker image has the fields of an OCI image.
  const isDocker = listed.startsWith('application/vnd.docker.');
  if (body.kind === 'index') return isDocker ? MediaType.dockerList : MediaType.ociIndex;
  if (body.kind === 'image') return isDocker ? MediaType.dockerManifest : MediaType.ociManifest;
  return isServedType(descriptor.mediaType) ? descriptor.mediaType : undefined;
}
