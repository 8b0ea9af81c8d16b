import { isManifestType, MediaType, parseMediaType } from '../spec/media-type.ts';
import { has, member, type ObjectField, optional, readString, refusal } from './field.ts';

/**
 * Returns the media type of a manifest. The document decides, since registries, buckets and web servers send manifests
 * as `text/plain`, `binary/octet-stream` or a type of their own. `given` is the type from the server or the descriptor.
 * It counts when it is a manifest type, or when the document names no type and has the fields of no known kind.
 * @throws MANIFEST_INVALID when the document contradicts `given` or is no manifest
 */
export function manifestType(document: ObjectField, given: string | undefined): string {
  const outer = parseMediaType(given ?? '');
  const inner = parseMediaType(optional(document, 'mediaType', readString) ?? '');
  if (isManifestType(outer) || (saysKind(outer) && inner !== '' && !isManifestType(inner))) {
    if (inner === '' || inner === outer) return outer;
    throw refusal(
      document,
      `has the media type ${inner.slice(0, 200)}, but was sent as ${outer.slice(0, 200)}`,
    );
  }
  if (inner !== '') return inner;
  const shape = typeByShape(document);
  if (shape !== undefined) return shape;
  if (saysKind(outer)) return outer;
  throw refusal(document, 'is not a manifest');
}

/** False for the generic types that servers give to any JSON, text or bytes; a manifest type is never one of them. */
export function saysKind(type: string): boolean {
  return type.startsWith('application/') && type !== MediaType.json && type !== MediaType.octetStream;
}

function typeByShape(document: ObjectField): string | undefined {
  const version = member(document, 'schemaVersion').value;
  if (has(document, 'manifests')) return MediaType.ociIndex;
  // The config of an image has a member `config` too, but no version.
  if (has(document, 'config') && (has(document, 'layers') || version === 2)) return MediaType.ociManifest;
  if (version !== 1 || !has(document, 'fsLayers')) return undefined;
  return has(document, 'signatures') ? MediaType.schema1Signed : MediaType.schema1;
}
