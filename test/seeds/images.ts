import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createIndex } from '../../src/image/create-index.ts';
import type { Image } from '../../src/image/image.ts';
import type { Index } from '../../src/image/image-index.ts';
import { createLayer, type Layer } from '../../src/image/layer.ts';
import type { Platform } from '../../src/spec/platform.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { refuse } from './habits.ts';
import { type Asked, answering } from './wire.ts';

/** The pushed content, and its encodings. */

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const layerOf = (text: string): Layer => createLayer(bytesContent(encode(text)));

export function imageOf(architecture: string, ...layers: readonly Layer[]): Image {
  return createImage({ config: { os: 'linux', architecture }, layers });
}

export const linux = (architecture: string): Platform => ({ os: 'linux', architecture });

/** Makes an index of images, each with a layer for its architecture and one that all share. */
export const indexOfImages = (...architectures: readonly string[]): Index =>
  createIndex(
    architectures.map((architecture) => ({
      image: imageOf(architecture, layerOf('shared'), layerOf(architecture)),
      platform: linux(architecture),
    })),
  );

export const puts = (asked: readonly Asked[]): readonly string[] =>
  asked.filter(({ kind }) => kind === 'manifest.put').map(({ url }) => url.slice(url.lastIndexOf('/') + 1));

/** Accepts a mount only if it names its source. */
export const namedMounts: Middleware = answering(['upload.mount'], ({ url }) =>
  url.includes('from=') ? undefined : refuse(405),
);
