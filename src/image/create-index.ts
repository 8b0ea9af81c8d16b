import { InputError } from '../errors.ts';
import { manifestOf } from '../json/make-manifest.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import { MediaType } from '../spec/media-type.ts';
import { checkOptions, given, object, oneOf, type Shape, text } from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';
import { changeableIndex, checkEntries } from './edit/changeable-index.ts';
import type { Index, IndexEntry, IndexView } from './image-index.ts';

/** Members of a new index beside its entries. Docker's manifest lists have none of them. */
export interface CreateIndexOptions {
  /** The annotations of the index itself. */
  readonly annotations?: Annotations | undefined;
  /** The type of an artifact. Leave it out for an index of container images. */
  readonly artifactType?: string | undefined;
  /** The manifest that the index refers to. */
  readonly subject?: Descriptor | undefined;
  /**
   * The media type: that of an OCI index, or of docker's manifest list.
   * @defaultValue `MediaType.ociIndex`
   */
  readonly mediaType?: string | undefined;
}

const shape: Shape<CreateIndexOptions> = {
  annotations: object,
  artifactType: text,
  subject: object,
  mediaType: oneOf(MediaType.ociIndex, MediaType.dockerList),
};

/**
 * Makes an index of these entries.
 * @throws INVALID_OPTION for a wrong option or entry, and for options that docker's manifest lists have no members for
 */
export function createIndex(entries: readonly IndexEntry[], options: CreateIndexOptions = {}): Index {
  checkEntries('createIndex', entries);
  checkOptions('createIndex', options, shape);
  refuseInList(options);
  return changeableIndex({
    kind: 'index',
    async manifest(read) {
      return makeIndex(await Promise.all(entries.map((entry) => describe(entry, read))), options);
    },
    children: async () => entries.map(({ image }) => image),
  });
}

async function describe(
  { image, platform, annotations }: IndexEntry,
  options?: SignalOptions,
): Promise<Descriptor> {
  const { mediaType, digest, size } = (await image.manifest(options)).descriptor;
  return given({ mediaType, digest, size, platform, annotations });
}

/**
 * Refuses members that docker's manifest lists do not have.
 * @throws INVALID_OPTION
 */
export function refuseInList({
  mediaType,
  ...members
}: Readonly<Partial<Record<keyof CreateIndexOptions, unknown>>>): void {
  if (mediaType !== MediaType.dockerList) return;
  const [name] = Object.entries(members).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  if (name === undefined) return;
  throw new InputError(
    'INVALID_OPTION',
    `createIndex: docker's manifest lists have no "${name}": leave it out, or make an OCI index`,
  );
}

/** Makes an index of these descriptors. */
export function makeIndex(
  manifests: readonly Descriptor[],
  { mediaType = MediaType.ociIndex, artifactType, subject, annotations }: CreateIndexOptions = {},
): IndexView {
  const value = given({
    schemaVersion: 2,
    mediaType,
    artifactType,
    manifests,
    subject,
    annotations,
  } as const);
  const { descriptor, bytes } = manifestOf(value);
  return { descriptor, bytes, body: { kind: 'index', ...value } };
}
