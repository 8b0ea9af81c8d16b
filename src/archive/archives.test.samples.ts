import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { atEnd, type Ending } from '../../test/at-end.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestEncoded } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { type TarFileWithBody, writeTar } from '../tar/write.ts';

/** Archives in the forms of Docker and similar tools. All content is fixed, so digests are the same in every run. */

const encoder = new TextEncoder();

export function file(name: string, content: string | Uint8Array | object): TarFileWithBody {
  const bytes =
    content instanceof Uint8Array
      ? content
      : encoder.encode(typeof content === 'string' ? content : JSON.stringify(content));
  return { name, size: bytes.byteLength, body: bytesContent(bytes).open() };
}

export function tarOf(files: readonly TarFileWithBody[]): Promise<Uint8Array> {
  return collect(writeTar(files), { limit: 2 ** 26, what: 'sample' });
}

export function folder(test: Ending): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  atEnd(test, () => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function save(test: Ending, bytes: Uint8Array, name = 'image.tar'): string {
  const path = join(folder(test), name);
  writeFileSync(path, bytes);
  return path;
}

export async function saveTar(test: Ending, files: readonly TarFileWithBody[]): Promise<string> {
  return save(test, await tarOf(files));
}

export interface SampleImage {
  readonly config: Uint8Array;
  /** Plain tars, from the bottom up. */
  readonly layers: readonly Uint8Array[];
  readonly manifest: Manifest;
  /** Config and gzipped layers. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}

/** An image of two layers. `text` tells one image from another. */
export async function sampleImage(text: string, architecture = 'amd64'): Promise<SampleImage> {
  const layers = [await tarOf([file('base', 'base '.repeat(500))]), await tarOf([file('top', text)])];
  const config = encoder.encode(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
      history: [{ created_by: 'one' }, { created_by: 'env', empty_layer: true }, { created_by: 'two' }],
    }),
  );
  const zipped = layers.map((layer) => new Uint8Array(gzipSync(layer)));
  const manifest = manifestOf(MediaType.ociManifest, {
    config: describe(config, MediaType.ociConfig),
    layers: zipped.map((layer) => describe(layer, MediaType.ociLayerGzip)),
  });
  const blobs = new Map([config, ...zipped].map((blob) => [digestOf(blob), blob]));
  return { config, layers, manifest, blobs };
}

export function indexOf(...images: readonly SampleImage[]): Manifest {
  const manifests = images.map(({ manifest, config }) => {
    const { architecture, os }: { architecture: string; os: string } = JSON.parse(
      Buffer.from(config).toString(),
    );
    return { ...manifest.descriptor, platform: { architecture, os } };
  });
  return manifestOf(MediaType.ociIndex, { manifests });
}

export function manifestOf(mediaType: string, fields: object): Manifest {
  const bytes = encoder.encode(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}

function describe(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

const blobName = (digest: Digest): string => `blobs/sha256/${digestEncoded(digest)}`;

/** Makes an OCI layout with these roots; a name goes into the annotation `ref.name`. */
export function layoutFiles(
  roots: readonly { readonly manifest: Manifest; readonly name?: string; readonly fullName?: string }[],
  images: readonly SampleImage[],
): readonly TarFileWithBody[] {
  const manifests = roots.map(({ manifest, name, fullName }) => ({
    ...manifest.descriptor,
    annotations: {
      ...(name === undefined ? {} : { 'org.opencontainers.image.ref.name': name }),
      ...(fullName === undefined ? {} : { 'io.containerd.image.name': fullName }),
    },
  }));
  const blobs = new Map<Digest, Uint8Array>();
  for (const { manifest } of [...roots, ...images]) blobs.set(manifest.descriptor.digest, manifest.bytes);
  for (const image of images) for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
  return [
    file('oci-layout', { imageLayoutVersion: '1.0.0' }),
    file('index.json', { schemaVersion: 2, manifests }),
    ...[...blobs].map(([digest, bytes]) => file(blobName(digest), bytes)),
  ];
}

/** Docker 25 and later: the layout with a manifest.json beside it. */
export function docker25Files(image: SampleImage, names: readonly string[]): readonly TarFileWithBody[] {
  const { body } = image.manifest;
  const layers = body.kind === 'image' ? body.layers.map(({ digest }) => blobName(digest)) : [];
  const manifest = [{ Config: blobName(digestOf(image.config)), RepoTags: names, Layers: layers }];
  return [...layoutFiles([image], [image]), file('manifest.json', manifest)];
}

/** Docker 1.10 to 24: `<id>.json`, `<id>/layer.tar`, manifest.json and repositories. */
export function classicFiles(
  image: SampleImage,
  names: readonly string[] | null,
): readonly TarFileWithBody[] {
  const config = `${digestEncoded(digestOf(image.config))}.json`;
  return [
    ...image.layers.flatMap((layer, at) => [
      { name: `layer${at}/`, type: 'directory' as const },
      file(`layer${at}/VERSION`, '1.0'),
      file(`layer${at}/json`, { id: `layer${at}` }),
      file(`layer${at}/layer.tar`, layer),
    ]),
    file(config, image.config),
    manifestJson(
      config,
      image.layers.map((_, at) => `layer${at}/layer.tar`),
      names,
    ),
  ];
}

export function manifestJson(
  config: string,
  layers: readonly string[],
  names: readonly string[] | null = ['acme/app:1'],
): TarFileWithBody {
  return file('manifest.json', [{ Config: config, RepoTags: names, Layers: layers }]);
}

const zippedName = (digest: Digest): string => `${digestEncoded(digest)}.tar.gz`;

/** The form of crane: gzipped layers, and the config under its digest. */
export function craneFiles(image: SampleImage): readonly TarFileWithBody[] {
  const config = digestOf(image.config);
  const layers = [...image.blobs].filter(([digest]) => digest !== config);
  return [
    file(config, image.config),
    ...layers.map(([digest, bytes]) => file(zippedName(digest), bytes)),
    manifestJson(
      config,
      layers.map(([digest]) => zippedName(digest)),
    ),
  ];
}

/** Before Docker 1.10: no manifest.json, each layer names the one below it. */
export function v1Files({ layers }: SampleImage): readonly TarFileWithBody[] {
  return [
    ...layers.flatMap((layer, at) => [
      file(`id${at}/VERSION`, '1.0'),
      file(`id${at}/json`, {
        id: `id${at}`,
        ...(at === 0 ? {} : { parent: `id${at - 1}` }),
        created: '2015-01-01T00:00:00Z',
        container_config: { Cmd: ['/bin/sh', '-c', `step ${at}`] },
        config: { Cmd: ['/bin/sh'] },
        os: 'linux',
        architecture: 'amd64',
        Size: 5,
      }),
      file(`id${at}/layer.tar`, layer),
    ]),
    file('repositories', { 'acme/app': { '1': `id${layers.length - 1}` } }),
  ];
}

/** Makes the entry of manifest.json for an image with its layers at these places. */
export function savedEntry(
  image: SampleImage,
  names: readonly string[] = ['acme/app:1'],
  layers: readonly string[] = layerPaths(image),
): object {
  return { Config: blobName(digestOf(image.config)), RepoTags: names, Layers: layers };
}

export function layerPaths({ manifest: { body } }: SampleImage): readonly string[] {
  return body.kind === 'image' ? body.layers.map(({ digest }) => blobName(digest)) : [];
}

/** The sample with a manifest that lists other layers than its config. */
export function withLayers(image: SampleImage, layers: readonly Descriptor[]): SampleImage {
  const manifest = manifestOf(MediaType.ociManifest, {
    config: describe(image.config, MediaType.ociConfig),
    layers,
  });
  return { ...image, manifest };
}
