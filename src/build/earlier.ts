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
  const opened = new Map<ImageEntry, Image>();
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
      const image = opened.get(entry) ?? (await entry.open(options));
      opened.set(entry, image);
      return image;
    },
  };
}
