import { isGantryError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import {
  children,
  type ImageManifest,
  type IndexManifest,
  type Manifest,
  type ManifestBody,
  type UnknownManifest,
} from '../spec/manifest.ts';
import { isImageType, isIndexType, isManifestType, MediaType } from '../spec/media-type.ts';
import { readDescriptor } from './descriptor.ts';
import {
  type Field,
  has,
  knownKeys,
  member,
  type ObjectField,
  optional,
  present,
  readArray,
  readObject,
  readString,
  readStringMap,
  refusal,
} from './field.ts';
import { manifestType } from './manifest-type.ts';
import { namedDigests } from './named-digests.ts';
import { parseJson } from './parse.ts';

/** The most that registries can be counted on to take. @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests */
export const manifestLimit: number = 4 * 1024 * 1024;
/** A layout that many images share has one entry for each. */
export const indexJsonLimit: number = 32 * 1024 * 1024;

export interface ManifestOptions {
  /** Of the bytes; this room can't compute it. */
  readonly digest: Digest;
  /** What the place that gave the bytes, or the descriptor that led there, called them. */
  readonly mediaType?: string;
}

/**
 * A view of the bytes; the bytes are kept as they are. The document decides its type and kind (`manifestType`). A document
 * that is neither index nor image is `unknown`, not an error.
 * Throws TOO_LARGE, and MANIFEST_INVALID for a document that is no manifest, is two kinds in one, or contradicts `mediaType`.
 */
export function parseManifest(bytes: Uint8Array, { digest, mediaType }: ManifestOptions): Manifest {
  const what = `manifest ${digest}`;
  const document = readDocument(parseJson(bytes, { what, maxBytes: manifestLimit }), what);
  const type = manifestType(document, mediaType);
  return {
    descriptor: { mediaType: type, digest, size: bytes.byteLength },
    bytes,
    body: readBody(document, type),
  };
}

/** The `index.json` of an OCI layout. Throws TOO_LARGE, MANIFEST_INVALID. */
export function parseIndexJson(bytes: Uint8Array): IndexManifest {
  const what = 'index.json';
  const document = readDocument(parseJson(bytes, { what, maxBytes: indexJsonLimit }), what);
  const type = manifestType(document, undefined);
  if (!isIndexType(type)) throw refusal(document, `is not an index but ${type}`);
  return readIndex(document);
}

const documentKeys = knownKeys(
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'blobs',
  'manifests',
  'subject',
  'annotations',
  'fsLayers',
);

/** @see https://github.com/advisories/GHSA-mc8v-mgrf-8f4m — one document that is an index to some and an image to others. */
function readDocument(value: unknown, what: string): ObjectField {
  const document = readObject({ value, what, path: '' }, documentKeys);
  const kinds = [
    has(document, 'manifests'),
    has(document, 'config') || has(document, 'layers'),
    has(document, 'fsLayers'),
  ];
  if (kinds.filter(Boolean).length > 1) throw refusal(document, 'is more than one kind of manifest at once');
  return document;
}

/**
 * An image or an index by its type. A document of a type that gantry does not know is read by its fields, and counts as
 * an image or an index only where these name all of its content.
 */
function readBody(document: ObjectField, type: string): ManifestBody {
  if (isIndexType(type)) return readIndex(document);
  if (isImageType(type)) return readImage(document);
  return isManifestType(type)
    ? readUnknown(document, type)
    : (readByFields(document) ?? readUnknown(document, type));
}

function readByFields(document: ObjectField): ImageManifest | IndexManifest | undefined {
  try {
    const body = has(document, 'manifests') ? readIndex(document) : readImage(document);
    const known = new Set(children(body).map(({ digest }) => digest));
    return [...namedDigests(document.value)].every((digest) => known.has(digest)) ? body : undefined;
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_INVALID')) return undefined;
    throw error;
  }
}

function readUnknown(document: ObjectField, type: string): UnknownManifest {
  const version = member(document, 'schemaVersion').value;
  const blobs = artifactTypes.has(type) ? optional(document, 'blobs', readDescriptors) : undefined;
  const known = new Set(blobs?.map(({ digest }) => digest));
  const opaque = [...namedDigests(document.value)].some((digest) => !known.has(digest));
  return {
    kind: 'unknown',
    ...present({
      schemaVersion: typeof version === 'number' ? version : undefined,
      mediaType: optional(document, 'mediaType', readString),
      blobs,
      opaque: opaque ? (true as const) : undefined,
    }),
  };
}

/** Withdrawn, but there are registries that hold some. */
const artifactTypes: ReadonlySet<string> = new Set([MediaType.ociArtifact, MediaType.orasArtifact]);

function readDescriptors(field: Field): readonly Descriptor[] {
  return readArray(field, readDescriptor);
}

function readImage(document: ObjectField): ImageManifest {
  const common = readCommon(document);
  return {
    kind: 'image',
    ...common,
    config: readDescriptor(member(document, 'config')),
    // The text of the specification lets an artifact do without them, its schema doesn't.
    layers: optional(document, 'layers', readDescriptors) ?? [],
  };
}

function readIndex(document: ObjectField): IndexManifest {
  const common = readCommon(document);
  return { kind: 'index', ...common, manifests: readDescriptors(member(document, 'manifests')) };
}

type Common = Omit<IndexManifest, 'kind' | 'manifests'>;

function readCommon(document: ObjectField): Common {
  const version = member(document, 'schemaVersion');
  if (version.value !== 2) throw refusal(version, 'is not 2');
  return {
    schemaVersion: 2,
    ...present({
      mediaType: optional(document, 'mediaType', readString),
      artifactType: optional(document, 'artifactType', readString),
      subject: optional(document, 'subject', readDescriptor),
      annotations: optional(document, 'annotations', readStringMap),
    }),
  };
}

/**
 * Compact JSON, the fields in the order of the value, for manifests and configs that gantry itself makes. What came
 * from outside is never encoded again. A parsed body is not for this: its `kind` is not the format's.
 */
export function encodeManifest(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
