import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  bytesContent,
  copyImage,
  createArchive,
  createImage,
  createIndex,
  createLayer,
  digestOf,
  type Image,
  type Index,
  imageSource,
  type Layer,
  MediaType,
  openLayout,
  type Repository,
  writeTar,
} from '../../src/index.ts';
import { zstdStored } from '../zstd.ts';

/** The name of every image in every layout of these tests. */
export const tag = 'v1';

export interface Sample {
  readonly name: string;
  /** The name as a part of a repository's name. */
  readonly path: string;
  readonly root: Image | Index;
  readonly parts: Parts;
  /** The image itself, or the linux/amd64 image of the index. */
  readonly amd64: Image;
}

/** Makes one image or index of each shape that a registry must store unchanged. */
export async function samples(): Promise<readonly Sample[]> {
  return Promise.all([
    sample('image', await imageOf('amd64', [await gzipLayer('base'), await gzipLayer('plain')])),
    sample('image with annotations', await annotatedImage()),
    sample('image with a zstd layer', await imageOf('amd64', [await zstdLayer('zstd')])),
    sample('index of two platforms', await indexOfTwo()),
  ]);
}

async function sample(name: string, root: Image | Index): Promise<Sample> {
  const amd64 = root.kind === 'image' ? root : await firstImage(root);
  return { name, path: name.replaceAll(' ', '-'), root, parts: await partsOf(root), amd64 };
}

async function firstImage(index: Index): Promise<Image> {
  const [first] = await index.children();
  if (first?.kind !== 'image') throw new Error('the index has no image');
  return first;
}

/** Makes an index of linux/amd64 and linux/arm64, which share the lowest layer. */
export async function indexOfTwo(): Promise<Index> {
  const entries = ['amd64', 'arm64'].map(async (architecture) => ({
    image: await imageOf(architecture, [await gzipLayer('base'), await gzipLayer(architecture)]),
    platform: { os: 'linux', architecture },
  }));
  return createIndex(await Promise.all(entries), {
    annotations: { 'org.opencontainers.image.title': 'two' },
  });
}

export async function imageOf(architecture: string, layers: readonly Layer[]): Promise<Image> {
  return createImage({ config: configFor(architecture), layers });
}

async function annotatedImage(): Promise<Image> {
  return createImage({
    config: {
      ...configFor('amd64'),
      config: {
        Cmd: ['/hello'],
        Env: ['PATH=/bin', 'GREETING=grüß <dich> & "mich"'],
        Labels: { 'org.opencontainers.image.title': 'hello' },
        ExposedPorts: { '80/tcp': {} },
      },
    },
    layers: [await gzipLayer('annotated')],
    annotations: { 'org.opencontainers.image.description': 'grüß <dich> & "mich"', 'com.example.empty': '' },
  });
}

function configFor(architecture: string): Parameters<typeof createImage>[0]['config'] {
  const created = '2020-01-01T00:00:00Z';
  return { os: 'linux', architecture, created, config: { Cmd: ['/hello'] } };
}

export async function gzipLayer(text: string): Promise<Layer> {
  return createLayer(bytesContent(gzipSync(await tarOf(text))));
}

async function zstdLayer(text: string): Promise<Layer> {
  const tar = await tarOf(text);
  return createLayer(bytesContent(zstdStored(tar)), {
    mediaType: MediaType.ociLayerZstd,
    diffId: digestOf(tar),
  });
}

async function tarOf(text: string): Promise<Uint8Array> {
  const bytes = Buffer.from(`${text} `.repeat(2000));
  const chunks: Uint8Array[] = [];
  const file = { name: `${text}.txt`, size: bytes.byteLength, body: bytesContent(bytes).open() };
  for await (const chunk of writeTar([file])) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

/** Writes an OCI layout to `folder` that holds only `root`. */
export async function saveLayout(root: Image | Index, folder: string): Promise<Parts> {
  await using layout = await openLayout(folder, { mode: 'write' });
  // The layout stays open until it is complete.
  return await save(root, layout, tag);
}

export async function saveArchive(
  root: Image | Index,
  file: string,
  format: 'oci' | 'docker',
): Promise<Parts> {
  await using archive = await createArchive(file, { format });
  return await save(root, archive, `acme/app:${tag}`);
}

/** Puts the root in a place, under this tag. */
export async function save(root: Image | Index, place: Repository, name: string): Promise<Parts> {
  const { repository, root: descriptor } = await imageSource(root);
  await copyImage(repository, descriptor.digest, place, { tags: [name] });
  await place.commit();
  return partsOf(root);
}

export interface Parts {
  readonly root: string;
  /** The digests of the root and of all its content, in byte order. */
  readonly blobs: readonly string[];
}

export async function partsOf(root: Image | Index): Promise<Parts> {
  const { descriptor } = await root.manifest();
  return { root: descriptor.digest, blobs: [...new Set(await digestsIn(root))].sort() };
}

async function digestsIn(root: Image | Index): Promise<readonly string[]> {
  const { digest } = (await root.manifest()).descriptor;
  if (root.kind === 'index') {
    const children = (await root.children()).map((child) => digestsIn(child));
    return [digest, ...(await Promise.all(children)).flat()];
  }
  const { config, layers } = (await root.manifest()).body;
  return [digest, config.digest, ...layers.map((layer) => layer.digest)];
}

/**
 * Returns the content of an OCI layout, read without gantry: the digest of every file, and the one root of index.json.
 */
export async function partsInLayout(folder: string): Promise<Parts> {
  const blobs = join(folder, 'blobs', 'sha256');
  const names = await readdir(blobs);
  const digests = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(blobs, name)));
    return `sha256:${hash.digest('hex')}`;
  });
  const { manifests }: { readonly manifests: readonly Entry[] } = JSON.parse(
    await readFile(join(folder, 'index.json'), 'utf8'),
  );
  // oras also lists the children of an index, but names only the index.
  const named = manifests.filter(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);
  const roots = new Set((named.length > 0 ? named : manifests).map(({ digest }) => digest));
  return { root: [...roots].join(), blobs: (await Promise.all(digests)).sort() };
}

interface Entry {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The identity of an image for docker: the digests of its config and of its uncompressed layers, base first. */
export interface Identity {
  readonly config: string;
  readonly diffIds: readonly string[];
}

/** Returns the identity by the bytes: unpacks and hashes each layer and ignores the config. */
export async function identityOf(image: Image): Promise<Identity> {
  const layers = (await image.layers()).map(async (layer) => {
    const hash = createHash('sha256');
    for await (const chunk of layer.uncompressed().open()) hash.update(chunk);
    return `sha256:${hash.digest('hex')}`;
  });
  return { config: digestOf(await image.rawConfig()), diffIds: await Promise.all(layers) };
}
