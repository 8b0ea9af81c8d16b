import { ContentError } from '../../errors.ts';
import { digestOf } from '../../flow/hash.ts';
import { editJson, type JsonChange } from '../../json/edit.ts';
import { configLimit, parseImageConfig } from '../../json/image-config.ts';
import { manifestOfBytes } from '../../json/make-manifest.ts';
import { parseJson } from '../../json/parse.ts';
import { toBase64 } from '../../spec/base64url.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../../spec/digest.ts';
import type { ImageConfig } from '../../spec/image-config.ts';
import type { ImageManifest } from '../../spec/manifest.ts';
import { familyOf, type MediaFamily, typeInFamily } from '../../spec/media-family.ts';
import { isConfigType } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { ImageContent, ImageView } from '../image.ts';

/** The two documents of an image, with their exact bytes. */
export interface ImageDocuments {
  readonly manifest: ImageView;
  readonly config: Uint8Array;
}

/** Reads the documents of an image. */
export async function documentsOf(image: ImageContent, options?: SignalOptions): Promise<ImageDocuments> {
  return { manifest: await image.manifest(options), config: await image.rawConfig(options) };
}

/** Edits of the two documents. */
export interface DocumentEdits {
  readonly config?: readonly JsonChange[] | undefined;
  readonly manifest?: readonly JsonChange[] | undefined;
  /**
   * The media type of the manifest, when the edits change it.
   * @defaultValue its type before
   */
  readonly mediaType?: string | undefined;
  /**
   * The algorithm of the manifest's digest.
   * @defaultValue that of its digest before
   */
  readonly algorithm?: Algorithm | undefined;
}

/**
 * Edits the documents, and keeps the manifest's descriptor of the config true. Brings a mixed image into one family of
 * media types. Edits without effect return the same documents.
 * @throws MANIFEST_INVALID when a document is no JSON, or an edit leads into a value of another form
 */
export function editDocuments(documents: ImageDocuments, edits: DocumentEdits): ImageDocuments {
  const { manifest } = documents;
  const { descriptor, body } = manifest;
  const config = editJson(documents.config, edits.config ?? [], { what: `config ${body.config.digest}` });
  const isSameConfig = sameBytes(config, documents.config);
  const changes = [
    ...(edits.manifest ?? []),
    ...(isSameConfig ? [] : contentEdits(['config'], body.config, config)),
  ];
  const what = `manifest ${descriptor.digest}`;
  const bytes = editJson(manifest.bytes, changes, { what });
  const before = computableAlgorithm(descriptor.digest);
  const { mediaType = descriptor.mediaType, algorithm = before } = edits;
  if (algorithm === before && sameBytes(bytes, manifest.bytes)) return documents;
  const next = { mediaType, algorithm, before: descriptor.digest };
  const edited = imageOf(bytes, next);
  const normal = editJson(bytes, familyEdits(edited.body, familyOf(mediaType)), { what });
  return {
    manifest: normal === bytes ? edited : imageOf(normal, next),
    config: isSameConfig ? documents.config : config,
  };
}

/**
 * Replaces the config by these bytes. The same bytes return the same documents.
 * @throws MANIFEST_INVALID when the bytes are no JSON, or an image's config that names other layers than the old one
 */
export function replaceConfig(documents: ImageDocuments, config: Uint8Array): ImageDocuments {
  const { manifest } = documents;
  if (sameBytes(config, documents.config)) return documents;
  const old = manifest.body.config;
  parseJson(config, { what: 'the new config', maxBytes: configLimit });
  if (isConfigType(old.mediaType)) refuseOtherLayers(parseImageConfig(config), documents.config);
  const what = `manifest ${manifest.descriptor.digest}`;
  const bytes = editJson(manifest.bytes, contentEdits(['config'], old, config), { what });
  const { mediaType, digest } = manifest.descriptor;
  const algorithm = computableAlgorithm(digest);
  return { manifest: imageOf(bytes, { mediaType, algorithm, before: digest }), config };
}

function refuseOtherLayers({ rootfs }: ImageConfig, before: Uint8Array): void {
  const [own, old] = [rootfs.diff_ids, parseImageConfig(before).rootfs.diff_ids];
  const at = own.findIndex((diffId, index) => diffId !== old[index]);
  if (own.length === old.length && at < 0) return;
  const reason =
    own.length === old.length
      ? `it names ${own[at]} as layer ${at}, which is ${old[at]}`
      : `it names ${own.length} layers, and the image has ${old.length}`;
  throw new ContentError('MANIFEST_INVALID', `the new config does not fit the layers: ${reason}`);
}

/** Returns the edits of a descriptor that make it describe other bytes. Inlined bytes are replaced, too. */
export function contentEdits(
  path: readonly [string, ...(string | number)[]],
  before: Descriptor,
  bytes: Uint8Array,
): readonly JsonChange[] {
  return [
    { path: [...path, 'digest'], value: digestOf(bytes, computableAlgorithm(before.digest)) },
    { path: [...path, 'size'], value: bytes.byteLength },
    ...(before.data === undefined ? [] : [{ path: [...path, 'data'] as const, value: toBase64(bytes) }]),
  ];
}

/** Refuses the config of an artifact, which belongs to another program. */
export function refuseArtifact(
  { descriptor, body }: ImageView,
  reason: string = 'only the config and the layers of an image can be changed',
): void {
  const { mediaType } = body.config;
  if (isConfigType(mediaType)) return;
  throw new ContentError(
    'MANIFEST_INVALID',
    `${descriptor.digest} is an artifact with a config of type ${mediaType}, and ${reason}`,
  );
}

/** Returns the edits that bring config and layers into a family, where it has a type for them. */
export function familyEdits({ config, layers }: ImageManifest, family: MediaFamily): readonly JsonChange[] {
  const edit = (path: JsonChange['path'], { mediaType }: Descriptor): readonly JsonChange[] => {
    const wanted = typeInFamily(mediaType, family);
    return wanted === undefined || wanted === mediaType ? [] : [{ path, value: wanted }];
  };
  return [
    ...edit(['config', 'mediaType'], config),
    ...layers.flatMap((layer, at) => edit(['layers', at, 'mediaType'], layer)),
  ];
}

interface EditedManifest {
  readonly mediaType: string;
  readonly algorithm: Algorithm;
  readonly before: Digest;
}

function imageOf(bytes: Uint8Array, { mediaType, algorithm, before }: EditedManifest): ImageView {
  const { body, ...manifest } = manifestOfBytes(bytes, mediaType, algorithm);
  if (body.kind === 'image') return { ...manifest, body };
  throw new ContentError('MANIFEST_INVALID', `the changed manifest of ${before} is no image`);
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return (
    one === other || (one.byteLength === other.byteLength && one.every((byte, at) => byte === other[at]))
  );
}
