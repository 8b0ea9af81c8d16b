import { isManifestType, MediaType, parseMediaType } from '../spec/media-type.ts';
import { has, member, type ObjectField, optional, readString, refusal } from './field.ts';

/**
 * The media type of a manifest. The document decides: registries, buckets and web servers give manifests as `text/plain`,
 * `binary/octet-stream` or a type of their own. `given` is the type that the place or the descriptor named. It counts where
 * it is the type of a manifest, and where the document neither names a type nor has the fields of a known kind.
 * Throws MANIFEST_INVALID for a document that contradicts `given`, and for one that is no manifest.
 */
export function manifestType(document: ObjectField, given: string | undefined): string {
  const outer = parseMediaType(given ?? '');
  const inner = parseMediaType(optional(document, 'mediaType', readString) ?? '');
  if (isManifestType(outer) || (saysKind(outer) && inner !== '' && !isManifestType(inner))) {
    if (inner === '' || inner === outer) return outer;
    throw refusal(document, `calls itself ${inner.slice(0, 200)}, but was given as ${outer.slice(0, 200)}`);
  }
  if (inner !== '') return inner;
  const shape = typeByShape(document);
  if (shape !== undefined) return shape;
  if (saysKind(outer)) return outer;
  throw refusal(document, 'is not a manifest');
}

/** Whether a type can be that of a kind of manifest: servers give the others to any JSON, any text or any bytes. */
export function saysKind(type: string): boolean {
  return type.startsWith('application/') && type !== MediaType.json && type !== MediaType.octetStream;
}

function typeByShape(document: ObjectField): string | undefined {
  const version = member(document, 'schemaVersion').value;
  if (has(document, 'manifests')) return MediaType.ociIndex;
  // The config of an image has a member `config`, too, but no version.
  if (has(document, 'config') && (has(document, 'layers') || version === 2)) return MediaType.ociManifest;
  if (version !== 1 || !has(document, 'fsLayers')) return undefined;
  return has(document, 'signatures') ? MediaType.schema1Signed : MediaType.schema1;
}
