import { isGantryError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { matchesPlatform, type Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type ImageEntry, imagesIn } from './images-in.ts';

/** The images of an earlier build. Each is opened once. */
export interface EarlierBuild {
  /** Returns the image for a platform; undefined if there is none. */
  image(platform: Platform): Promise<Image | undefined>;
}

export function openEarlierBuild(view: Image | Index | undefined, options: SignalOptions): EarlierBuild {
  const opened = new Map<ImageEntry, Image | undefined>();
  let entries: readonly ImageEntry[] | undefined;
  return {
    async image(platform) {
      if (view === undefined) return undefined;
      entries ??= await imagesIn(view, options);
      // A single image does not say its platform, and may have the layers that all platforms share.
      const entry = entries.find(
        ({ platform: have }) => have === undefined || matchesPlatform(have, platform),
      );
      if (entry === undefined) return undefined;
      if (!opened.has(entry)) opened.set(entry, await openWhole(entry, options));
      return opened.get(entry);
    },
  };
}

const broken = [
  'MANIFEST_UNKNOWN',
  'BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'DIGEST_INVALID',
  'SIZE_INVALID',
] as const;

/** Opens an image with its config; undefined for a broken one, which is no help and no hindrance. */
async function openWhole(entry: ImageEntry, options: SignalOptions): Promise<Image | undefined> {
  try {
    const image = await entry.open(options);
    await image.config(options);
    return image;
  } catch (error) {
    if (broken.some((code) => isGantryError(error, code))) return undefined;
    throw error;
  }
}
