import { gzipSync } from 'node:zlib';
import { copyImage } from '../../src/copy/copy.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createIndex } from '../../src/image/create-index.ts';
import type { Image } from '../../src/image/image.ts';
import type { Index } from '../../src/image/image-index.ts';
import { createLayer } from '../../src/image/layer.ts';
import { imageSource } from '../../src/image/source.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import type { Registry } from '../../src/store/contract.ts';
import { writeTar } from '../../src/tar/write.ts';

/** Makes a small image. Another `text` makes another image. */
export async function makeImage(text: string, architecture = 'amd64'): Promise<Image> {
  const tar = await tarOf('hello.txt', new TextEncoder().encode(text));
  return createImage({
    config: {
      os: 'linux',
      architecture,
      created: '2020-01-01T00:00:00Z',
      config: { Labels: { title: text }, Cmd: ['/hello'] },
      history: [{ created: '2020-01-01T00:00:00Z', created_by: 'test' }],
    },
    layers: [createLayer(bytesContent(gzipSync(tar)))],
  });
}

/** Makes an index of linux/amd64 and linux/arm64. */
export async function makeIndex(text: string): Promise<Index> {
  const entry = async (
    architecture: string,
  ): Promise<{ image: Image; platform: { os: string; architecture: string } }> => ({
    image: await makeImage(`${text} ${architecture}`, architecture),
    platform: { os: 'linux', architecture },
  });
  return createIndex([await entry('amd64'), await entry('arm64')]);
}

/** Puts an image or index directly into a registry, without HTTP. */
export async function store(
  registry: Registry,
  name: string,
  tags: readonly string[],
  image: Image | Index,
): Promise<Descriptor> {
  const { repository, root } = await imageSource(image);
  return copyImage(repository, root.digest, registry.repository(name, { actions: ['pull', 'push'] }), {
    tags,
  });
}

async function tarOf(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  const entries = async function* () {
    yield { name, size: bytes.byteLength, body: bytesContent(bytes).open() };
  };
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(entries())) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}
