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
import {
  amount,
  checkArgument,
  checkOptions,
  flag,
  bytes as isBytes,
  list,
  object,
  type Shape,
  text,
} from '../spec/options.ts';
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

/**
 * In bytes: the largest size that every registry accepts.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export const manifestLimit: number = 4 * 1024 * 1024;
/** In bytes. The `index.json` of a layout has one entry for each of its images. */
export const indexJsonLimit: number = 32 * 1024 * 1024;

/** Facts about the bytes that `parseManifest` cannot find in them. */
export interface ManifestOptions {
  /** The digest of the bytes, which the caller has computed. A descriptor of the manifest fits as a whole. */
  readonly digest: Digest;
  /**
   * The media type that the server or the descriptor gave.
   * @defaultValue the type in the document
   */
  readonly mediaType?: string | undefined;
}

/** A whole descriptor of the manifest fits, too. */
const shape: Shape<ManifestOptions & Descriptor> = {
  digest: text,
  mediaType: text,
  size: amount,
  unsized: flag,
  urls: list,
  annotations: object,
  data: text,
  artifactType: text,
  platform: object,
};

/**
 * Parses a manifest and keeps its bytes unchanged. The document decides its type and kind (`manifestType`). A document
 * that is neither an index nor an image becomes `unknown` and is no error.
 * @throws TOO_LARGE above 4 MiB
 * @throws MANIFEST_INVALID when the document is no manifest, is two kinds in one, or contradicts `mediaType`
 */
export function parseManifest(bytes: Uint8Array, options: ManifestOptions): Manifest {
  checkArgument('parseManifest', 'bytes', bytes, isBytes);
  checkOptions('parseManifest', options, shape, ['digest']);
  const { digest, mediaType } = options;
  const what = `manifest ${digest}`;
  const document = readDocument(parseJson(bytes, { what, maxBytes: manifestLimit }), what);
  const type = manifestType(document, mediaType);
  return {
    descriptor: { mediaType: type, digest, size: bytes.byteLength },
    bytes,
    body: readBody(document, type),
  };
}

/**
 * Parses the `index.json` of an OCI layout.
 * @throws TOO_LARGE above `indexJsonLimit`
 * @throws MANIFEST_INVALID when the document is no index
 */
export function parseIndexJson(bytes: Uint8Array): IndexManifest {
  const what = 'index.json';
  const document = readDocument(parseJson(bytes, { what, maxBytes: indexJsonLimit }), what);
  const type = manifestType(document, undefined);
  if (!isIndexType(type)) throw refusal(document, `is no index: its type is ${type}`);
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

/**
 * Refuses a document that some programs read as an index and others as an image.
 * @see https://github.com/advisories/GHSA-mc8v-mgrf-8f4m
 */
function readDocument(value: unknown, what: string): ObjectField {
  const document = readObject({ value, what, path: '' }, documentKeys);
  const kinds = [
    has(document, 'manifests'),
    has(document, 'config') || has(document, 'layers'),
    has(document, 'fsLayers'),
  ];
  if (kinds.filter(Boolean).length > 1)
    throw refusal(document, 'has the fields of more than one kind of manifest');
  return document;
}

/**
 * Reads an image or an index by its type. A document of an unknown type is read by its fields. It counts as an image or
 * an index only if these fields name all of its content.
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

/** Withdrawn, but some registries still store them. */
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
    // By the specification's text an artifact may leave out its layers; by its schema it may not.
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
 * Encodes a manifest or config that gantry itself makes: compact JSON with the fields in the order of the value. Never
 * pass a received document, since its bytes must stay, nor a parsed body, since `kind` is not part of the format.
 */
export function encodeManifest(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
