import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  bytesContent,
  type Content,
  copyImage,
  createImage,
  createIndex,
  createLayer,
  type Descriptor,
  type Image,
  type Index,
  imageSource,
  type Layer,
  openLayout,
  type TarFileWithBody,
  writeTar,
} from '../src/index.ts';

/** The size and the parts of the image that a scenario moves. */
export interface ImageShape {
  /** Makes an index with this number of images. Default: one image and no index. */
  readonly platforms?: number;
  /** Layers of each image. */
  readonly layers: number;
  /** Bytes of each layer. */
  readonly layerSize: number;
  /** Gives the file of each layer a name of its own, so that no layer hides another. Default: all have one name. */
  readonly distinct?: boolean;
  /**
   * Makes this number of files of words in each layer, which gzip makes three times smaller, like those of a distribution.
   * Default: one file of random bytes.
   */
  readonly files?: number;
}

/** The name that an image has in the layout that tools push from. */
export const imageTag = 'v1';

const architectures = ['amd64', 'arm64', 'ppc64le', 's390x', 'riscv64', 'mips64le'];

/**
 * Makes an image that no registry has: of random bytes, which no compression makes smaller, or of files of words. `layers` are
 * layers that it shares with another image.
 */
export async function makeImage(
  { platforms, layers, layerSize, distinct = false, files }: ImageShape,
  shared: readonly Layer[] = [],
): Promise<Image | Index> {
  const image = async (architecture: string): Promise<Image> => {
    const made = await Promise.all(
      Array.from({ length: layers - shared.length }, async (_, at) =>
        files === undefined
          ? randomLayer(layerSize, distinct ? `file-${at}` : 'file')
          : createLayer(bytesContent(await packed(tarOfWords(layerSize, files, `layer-${at}`)))),
      ),
    );
    return createImage({ config: { os: 'linux', architecture }, layers: [...shared, ...made] });
  };
  if (platforms === undefined) return image('amd64');
  const entries = architectures.slice(0, platforms).map(async (architecture) => ({
    image: await image(architecture),
    platform: { os: 'linux', architecture },
  }));
  return createIndex(await Promise.all(entries));
}

/** Writes an image to a layout that every tool reads. */
export async function writeImage(image: Image | Index, folder: string): Promise<Descriptor> {
  const { repository, root } = await imageSource(image);
  await using layout = await openLayout(folder, { mode: 'write' });
  await copyImage(repository, root.digest, layout, { tags: [imageTag] });
  await layout.commit();
  return root;
}

/** Layers of this size and larger are generated at each reading and not kept in memory. */
const large = 64 * 1024 * 1024;

/** Finding the digests of a large layer takes seconds, so all scenarios share the layers. */
const largeLayers = new Map<number, Layer>();

/** Makes a layer with one file of random bytes in a gzipped tar. */
async function randomLayer(size: number, name: string): Promise<Layer> {
  if (size < large)
    return createLayer(bytesContent(await buffer(gzippedTar(name, size, randomBytes(size)).open())));
  const layer = largeLayers.get(size) ?? createLayer(gzippedTar(name, size, randomBytes(1024 * 1024)));
  largeLayers.set(size, layer);
  return layer;
}

/** Compresses a tar as crane does. */
function packed(tar: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return buffer(Readable.from(tar).pipe(createGzip({ level: 1 })));
}

/** Yields a tar of `size` bytes of content in equal files of words in one directory. */
export function tarOfWords(size: number, files: number, directory: string): AsyncIterable<Uint8Array> {
  const words = Array.from({ length: 4096 }, () => randomBytes(4).toString('base64url'));
  const each = Math.floor(size / files);
  const text = (): string => {
    const numbers = new Uint16Array(
      randomBytes(2 * Math.ceil(each / 7)).buffer.slice(0, 2 * Math.ceil(each / 7)),
    );
    return Array.from(numbers, (number) => words[number % words.length]).join(' ');
  };
  function* all(): Iterable<TarFileWithBody> {
    yield { name: directory, type: 'directory' };
    for (let at = 0; at < files; at++) {
      const body = Buffer.from(text().slice(0, each));
      yield { name: `${directory}/file-${at}`, size: body.byteLength, body: [body] };
    }
  }
  return writeTar(all());
}

/** Repeats the block, each time with another number in it. */
function gzippedTar(name: string, size: number, block: Buffer): Content {
  async function* body(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < size; at += block.length) {
      const part = Buffer.from(block.subarray(0, Math.min(block.length, size - at)));
      if (part.length >= 4 && size > block.length) part.writeUInt32BE(at / block.length);
      yield part;
    }
  }
  return {
    replayable: true,
    async *open() {
      // Compression would gain nothing. The tools only need the format.
      const gzip = createGzip({ level: 0 });
      const piped = pipeline(Readable.from(writeTar([{ name, size, body: body() }])), gzip);
      yield* gzip;
      await piped;
    },
  };
}

/** Throws unless the layout has this number of blobs and each blob matches its digest. */
export async function checkLayout(folder: string, blobs: number): Promise<void> {
  const files = await readdir(join(folder, 'blobs', 'sha256'));
  if (files.length < blobs) throw new Error(`${files.length} blobs of ${blobs} were pulled`);
  for (const file of files) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, 'blobs', 'sha256', file)), hash);
    if (hash.digest('hex') !== file) throw new Error(`the blob ${file} was pulled as something else`);
  }
}
