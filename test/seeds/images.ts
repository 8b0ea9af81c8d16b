import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createIndex, type Index } from '../../src/image/image-index.ts';
import { createLayer, type Layer } from '../../src/image/layer.ts';
import type { Platform } from '../../src/spec/platform.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { refuse } from './habits.ts';
import { type Asked, answering } from './wire.ts';

/** What is pushed here, and how that is told. */

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const layerOf = (text: string): Layer => createLayer(bytesContent(encode(text)));

export function imageOf(architecture: string, ...layers: readonly Layer[]): Image {
  return createImage({ config: { os: 'linux', architecture }, layers });
}

export const linux = (architecture: string): Platform => ({ os: 'linux', architecture });

/** Each image with what its architecture says and a layer that all of them share. */
export const indexOfImages = (...architectures: readonly string[]): Index =>
  createIndex(
    architectures.map((architecture) => ({
      image: imageOf(architecture, layerOf('shared'), layerOf(architecture)),
      platform: linux(architecture),
    })),
  );

export const puts = (asked: readonly Asked[]): readonly string[] =>
  asked.filter(({ kind }) => kind === 'manifest.put').map(({ url }) => url.slice(url.lastIndexOf('/') + 1));

/** Only a mount that names its source is understood. */
export const namedMounts: Middleware = answering(['upload.mount'], ({ url }) =>
  url.includes('from=') ? undefined : refuse(405),
);
