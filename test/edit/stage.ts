import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Client, createClient } from '../../src/client/client.ts';
import { collect } from '../../src/flow/collect.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { manifestOfBytes } from '../../src/json/make-manifest.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import type { Registry } from '../../src/store/contract.ts';
import { type TarFileWithBody, writeTar } from '../../src/tar/write.ts';
import { blobOf, type SampleBlob } from '../../src/testing/contract/sample.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';

/** A registry with a client, for the tests of changes. */
export interface Stage {
  readonly client: Client;
  readonly registry: TestRegistry;
  /** `127.0.0.1:40000` */
  readonly host: string;
  readonly warnings: string[];
}

export async function stage(test: TestContext): Promise<Stage> {
  const registry = await startRegistry();
  const warnings: string[] = [];
  const client = createClient({
    keychain: async () => undefined,
    retry: { attempts: 1 },
    onWarning: ({ text }) => warnings.push(text),
  });
  atEnd(test, async () => {
    await client.close();
    await registry.close();
  });
  return { client, registry, host: registry.host, warnings };
}

/** Returns a file for `tarOf`. */
export function file(name: string, text: string): TarFileWithBody {
  const body = new TextEncoder().encode(text);
  return { name, size: body.byteLength, body: [body] };
}

export async function tarOf(...files: readonly TarFileWithBody[]): Promise<Uint8Array> {
  return collect(writeTar(files), { limit: 2 ** 24, what: 'a tar' });
}

/** An image as a registry stores it. */
export interface StoredImage {
  readonly manifest: Manifest;
  readonly blobs: readonly SampleBlob[];
}

export interface ImageForm {
  readonly family?: 'oci' | 'docker';
  /** The tars of the layers, from the base upward. */
  readonly layers: readonly Uint8Array[];
  /** Members of the config beside `rootfs`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Members of the manifest beside those of every manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Inlines the config in its descriptor. */
  readonly inline?: boolean;
  /** The level of gzip, which decides about the digests of the layers and not about their diffIDs. */
  readonly level?: number;
  /**
   * Makes the stored bytes of a layer.
   * @defaultValue gzip
   */
  readonly pack?: (tar: Uint8Array) => Uint8Array;
  /** Members of each layer's descriptor beside digest and size. */
  readonly layer?: Readonly<Record<string, unknown>>;
}

const types = {
  oci: [MediaType.ociManifest, MediaType.ociConfig, MediaType.ociLayerGzip],
  docker: [MediaType.dockerManifest, MediaType.dockerConfig, MediaType.dockerLayer],
} as const;

/** Makes an image for linux/amd64 with one entry of history for each layer, unless `config` says otherwise. */
export function imageOf(form: ImageForm): StoredImage {
  const { family = 'oci', layers, config = {}, manifest = {}, inline = false, level = 6, layer = {} } = form;
  const { pack = (tar: Uint8Array) => gzipSync(tar, { level }) } = form;
  const [manifestType, configType, layerType] = types[family];
  const history = layers.map((_, at) => ({ created: '2020-01-01T00:00:00Z', created_by: `step ${at}` }));
  const diffIds = layers.map((layer) => digestOf(layer));
  const document = {
    architecture: 'amd64',
    os: 'linux',
    history,
    ...config,
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
  const configBlob = blobOf(JSON.stringify(document, undefined, 2));
  const layerBlobs = layers.map((tar) => blobOf(pack(tar)));
  const { digest, size } = configBlob.descriptor;
  const data = inline ? { data: Buffer.from(configBlob.bytes).toString('base64') } : {};
  const bytes = encoded({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest, size, ...data },
    layers: layerBlobs.map(({ descriptor }) => ({ ...descriptor, mediaType: layerType, ...layer })),
    ...manifest,
  });
  return { manifest: manifestOfBytes(bytes, manifestType), blobs: [configBlob, ...layerBlobs] };
}

function encoded(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value, undefined, 1));
}

/** Stores an image in the registry, and returns its descriptor. */
export async function put(
  { registry }: { readonly registry: { readonly registry: Registry } },
  name: string,
  { manifest, blobs }: StoredImage,
  tags: readonly string[] = ['1'],
): Promise<Descriptor> {
  const repository = registry.registry.repository(name);
  for (const { descriptor, content } of blobs) await repository.blobs.write(descriptor, content);
  await repository.manifests.put(manifest, { tags });
  return manifest.descriptor;
}

/** An entry of an index. */
export interface EntryForm {
  readonly image: StoredImage;
  /** Members of the entry beside type, digest and size. */
  readonly entry: Readonly<Record<string, unknown>>;
}

/** Stores an index with its images under the tag `1`. */
export async function putIndex(
  at: { readonly registry: { readonly registry: Registry } },
  name: string,
  entries: readonly EntryForm[],
  members: Readonly<Record<string, unknown>> = {},
): Promise<Manifest> {
  for (const { image } of entries) await put(at, name, image, []);
  const bytes = encoded({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: entries.map(({ image, entry }) => ({ ...image.manifest.descriptor, ...entry })),
    ...members,
  });
  const manifest = manifestOfBytes(bytes, MediaType.ociIndex);
  await at.registry.registry.repository(name).manifests.put(manifest, { tags: ['1'] });
  return manifest;
}

/** Returns BuildKit's attestation of an image, with its entry in the index. */
export function attestationOf(image: StoredImage): EntryForm {
  const statement = blobOf('{"predicateType":"https://slsa.dev/provenance/v1"}');
  const rootfs = { type: 'layers', diff_ids: [statement.descriptor.digest] };
  const config = blobOf(JSON.stringify({ architecture: 'unknown', os: 'unknown', rootfs }));
  const bytes = encoded({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { ...config.descriptor, mediaType: MediaType.ociConfig },
    layers: [{ ...statement.descriptor, mediaType: 'application/vnd.in-toto+json' }],
  });
  return {
    image: { manifest: manifestOfBytes(bytes, MediaType.ociManifest), blobs: [statement, config] },
    entry: {
      platform: { architecture: 'unknown', os: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': image.manifest.descriptor.digest,
      },
    },
  };
}

/** Returns the findings of `validate`. */
export async function findings({ client }: Stage, reference: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { problem } of client.validate(reference)) if (problem !== undefined) found.push(problem);
  return found;
}

/** Returns the config of an image as parsed JSON, with all its members. */
export async function configOf({ client }: Stage, reference: string): Promise<Record<string, never>> {
  return JSON.parse(new TextDecoder().decode(await client.getConfig(reference)));
}
