import { member, optional, readMap, readString, refusal } from '../json/field.ts';
import { parseJson } from '../json/parse.ts';
import type { Annotations } from '../spec/descriptor.ts';
import { readExact } from './exact-object.ts';

/** The type of the layers that hold simple-signing documents. */
export const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const documentType = 'cosign container image signature';

/** The signed document of cosign's older format. */
export interface SimpleSigning {
  /** The digest of the image. */
  readonly digest: string;
  /** The name of the image: a repository, or with a tag. */
  readonly reference: string;
  readonly annotations: Annotations;
}

/**
 * Parses a simple-signing document. The names of its members are exact, also their case.
 * @throws MANIFEST_INVALID naming the field
 */
export function parseSimpleSigning(bytes: Uint8Array, what: string): SimpleSigning {
  const field = { value: parseJson(bytes, { what }), what, path: '' };
  const document = readExact(field, 'critical', 'optional');
  const critical = readExact(member(document, 'critical'), 'identity', 'image', 'type');
  const type = member(critical, 'type');
  if (readString(type) !== documentType) throw refusal(type, `is not "${documentType}"`);
  const identity = readExact(member(critical, 'identity'), 'docker-reference');
  const image = readExact(member(critical, 'image'), 'docker-manifest-digest');
  const free = optional(document, 'optional', readMap)?.value ?? {};
  return {
    digest: readString(member(image, 'docker-manifest-digest')),
    reference: readString(member(identity, 'docker-reference')),
    annotations: Object.fromEntries(
      Object.entries(free).flatMap(([key, value]) =>
        typeof value === 'string' ? [[key, value] as const] : [],
      ),
    ),
  };
}

/** Makes the document. It has the members in the order of cosign. */
export function formatSimpleSigning({ digest, reference, annotations }: SimpleSigning): string {
  const optionalPart = Object.keys(annotations).length === 0 ? null : annotations;
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': reference },
      image: { 'docker-manifest-digest': digest },
      type: documentType,
    },
    optional: optionalPart,
  });
}
