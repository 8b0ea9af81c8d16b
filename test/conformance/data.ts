import { parseManifest } from '../../src/json/manifest.ts';
import type { Algorithm, Digest } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { digestOf, type Stage } from './stage.ts';

export interface PushedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  readonly descriptor: Fields;
  readonly subject?: Digest;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Blobs and manifests that are pushed together, children first. */
export class DataSet {
  readonly blobs: { readonly digest: Digest; readonly bytes: Uint8Array }[] = [];
  readonly manifests: PushedManifest[] = [];
  readonly #stage: Stage;
  readonly #algorithm: Algorithm;

  constructor(stage: Stage, algorithm: Algorithm = 'sha256') {
    this.#stage = stage;
    this.#algorithm = algorithm;
  }

  /** Adds a blob and returns its descriptor. `missing` leaves the blob out of the push. */
  blob(
    mediaType: string,
    bytes: Uint8Array = this.#stage.blob(),
    { missing = false }: { readonly missing?: boolean } = {},
  ): Fields {
    const digest = digestOf(bytes, this.#algorithm);
    if (!missing) this.blobs.push({ digest, bytes });
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Adds an image of two layers, with further fields in its manifest. */
  image(fields: Fields = {}, options: ManifestOptions = {}): PushedManifest {
    const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } };
    const text = JSON.stringify({ ...config, created_by: Array.from(this.#stage.blob(8)) });
    return this.#add(
      {
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: this.blob(MediaType.ociConfig, new TextEncoder().encode(text)),
        layers: [this.blob(MediaType.ociLayerGzip), this.blob(MediaType.ociLayerGzip)],
        ...fields,
      },
      options,
    );
  }

  /** Adds an artifact: an image of another type, with the empty config. */
  artifact(artifactType: string, fields: Fields = {}, options: ManifestOptions = {}): PushedManifest {
    return this.image(
      { artifactType, config: this.empty(), layers: [this.blob(artifactType)], ...fields },
      options,
    );
  }

  index(manifests: readonly Fields[], fields: Fields = {}, options: ManifestOptions = {}): PushedManifest {
    return this.#add({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests, ...fields }, options);
  }

  empty(): Fields {
    return this.blob(MediaType.empty, new TextEncoder().encode('{}'));
  }

  #add(body: Fields & { readonly mediaType: string }, { tags = [] }: ManifestOptions): PushedManifest {
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    const digest = digestOf(bytes, this.#algorithm);
    const { mediaType } = body;
    const described = describe(parseManifest(bytes, { digest, mediaType }));
    const pushed = {
      digest,
      mediaType,
      bytes,
      tags,
      descriptor: { mediaType, digest, size: bytes.byteLength },
      ...described,
    };
    this.manifests.push(pushed);
    return pushed;
  }
}

interface ManifestOptions {
  readonly tags?: readonly string[];
}

interface Described {
  readonly subject?: Digest;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Returns the entry that a list of referrers must have for a manifest. */
function describe({ body }: Manifest): Described {
  if (body.kind === 'unknown') return {};
  const { subject, annotations } = body;
  const artifactType = body.artifactType ?? (body.kind === 'image' ? body.config.mediaType : undefined);
  return {
    ...(subject === undefined ? {} : { subject: subject.digest }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

const example = 'application/vnd.example.one';
const annotations = { 'org.opencontainers.conformance': 'hello' };

export interface DataKind {
  readonly name: string;
  readonly algorithm?: Algorithm;
  /** The PUT by digest also sets the manifest's tags. */
  readonly tagParameters?: boolean;
  make(data: DataSet): void;
}

export const dataKinds: readonly DataKind[] = [
  { name: 'an image', make: (data) => void data.image({}, { tags: ['image'] }) },
  {
    name: 'an image of layers that are not compressed',
    make: (data) => void data.image({ layers: [data.blob(MediaType.ociLayer)] }, { tags: ['plain'] }),
  },
  {
    name: 'an image whose manifest has 3.9 MB',
    make(data) {
      const many = Array.from({ length: 390 }, (_, at) => [`large-${at}`, 'A'.repeat(10_000)]);
      data.image({ annotations: Object.fromEntries(many) }, { tags: ['large'] });
    },
  },
  {
    name: 'an index of two platforms',
    make(data) {
      const children = ['amd64', 'arm64'].map((architecture) => ({
        ...data.image().descriptor,
        platform: { os: 'linux', architecture },
      }));
      data.index(children, {}, { tags: ['index'] });
    },
  },
  {
    name: 'an index of indexes',
    make(data) {
      const children = [1, 2].map(() => data.index([data.image().descriptor]).descriptor);
      data.index(children, {}, { tags: ['index-of-index'] });
    },
  },
  { name: 'an index of nothing', make: (data) => void data.index([], {}, { tags: ['empty'] }) },
  { name: 'an artifact', make: (data) => void data.artifact(example, {}, { tags: ['artifact'] }) },
  {
    name: 'an index of artifacts',
    make(data) {
      const children = [data.artifact(example).descriptor, data.artifact(example).descriptor];
      data.index(children, { artifactType: example }, { tags: ['artifact-index'] });
    },
  },
  {
    name: 'an artifact without layers but the empty one',
    make: (data) => void data.artifact(example, { layers: [data.empty()] }, { tags: ['no-content'] }),
  },
  {
    name: 'artifacts that refer to an image',
    make(data) {
      const subject = data.image({}, { tags: ['image'] }).descriptor;
      data.image({ subject });
      data.artifact(example, { subject, annotations }, { tags: ['tagged-1'] });
      data.artifact('application/vnd.example.two', { subject, annotations }, { tags: ['tagged-2'] });
    },
  },
  {
    name: 'an index that refers to an index',
    make(data) {
      const subject = data.index([data.image().descriptor], {}, { tags: ['index'] }).descriptor;
      data.index([data.image().descriptor], { subject, annotations, artifactType: example });
      data.index([data.image().descriptor], { subject, annotations });
    },
  },
  {
    name: 'an artifact that refers to what is not there',
    make(data) {
      const subject = data.blob(MediaType.ociManifest, undefined, { missing: true });
      data.artifact(example, { subject, annotations }, { tags: ['tagged'] });
    },
  },
  {
    name: 'an image that carries its layers in its descriptors',
    make(data) {
      const bytes = new TextEncoder().encode('{}');
      const layer = { ...data.blob(MediaType.ociLayer, bytes), data: btoa('{}') };
      data.image({ layers: [layer] }, { tags: ['data'] });
    },
  },
  {
    name: 'an image with layers that are not distributed',
    make(data) {
      const elsewhere = { urls: ['https://store.example.com/blobs/sha256/0'] };
      const foreign = ['.nondistributable.v1.tar', '.nondistributable.v1.tar+gzip'].map((type) => ({
        ...data.blob(`application/vnd.oci.image.layer${type}`, undefined, { missing: true }),
        ...elsewhere,
      }));
      data.image({ layers: [...foreign, data.blob(MediaType.ociLayerGzip)] }, { tags: ['foreign'] });
    },
  },
  {
    name: 'an index and an image with fields that nobody knows',
    make(data) {
      const child = data.image({ 'org.example.unknown': { any: ['thing', 1, null] } });
      data.index([{ ...child.descriptor, extra: true }], { extra: 'field' }, { tags: ['custom'] });
    },
  },
  { name: 'an image of no layers', make: (data) => void data.image({ layers: [] }, { tags: ['bare'] }) },
  {
    name: 'an image and an index of which parts are not there (sparse)',
    make(data) {
      const missing = data.blob(MediaType.ociLayerGzip, undefined, { missing: true });
      const layers = [missing, data.blob(MediaType.ociLayerGzip)];
      const child = data.image({ layers }, { tags: ['sparse-image'] }).descriptor;
      const absent = data.blob(MediaType.ociManifest, undefined, { missing: true });
      data.index([child, absent], {}, { tags: ['sparse-index'] });
    },
  },
  {
    name: 'an index by sha512',
    algorithm: 'sha512',
    make: (data) => void data.index([data.image().descriptor, data.image().descriptor]),
  },
  ...(['sha256', 'sha512'] as const).map(
    (algorithm): DataKind => ({
      name: `an index by ${algorithm} and its images, with their tags as parameters`,
      algorithm,
      tagParameters: true,
      make(data) {
        const children = ['one', 'two'].map((tag) => data.image({}, { tags: [tag] }).descriptor);
        data.index(children, {}, { tags: ['all', ...Array.from({ length: 10 }, (_, at) => `tag-${at}`)] });
      },
    }),
  ),
];
