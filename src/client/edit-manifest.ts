import { editedManifest, refuseOtherDiffIds } from '../image/edit/manifest-edit.ts';
import type { Image } from '../image/image.ts';
import { openImage } from '../image/open-image.ts';
import { openIndex } from '../image/open-index.ts';
import { withManifest } from '../image/source.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Connections } from './connections.ts';
import { changeView, type EditedImage, type EditOptions, editView } from './edit.ts';
import type { Place } from './place.ts';

/** Makes the new bytes of a manifest. */
export type ManifestChange = (manifest: Manifest) => Uint8Array | Promise<Uint8Array>;

/** Settings of `editManifest`. */
export interface EditManifestOptions extends EditOptions {
  /**
   * The media type of a new manifest that names none itself.
   * @defaultValue the type of the old manifest
   */
  readonly mediaType?: string | undefined;
}

/** Replaces the manifest of an image or of an index; with `platforms` those of images in an index. */
export async function editManifest(
  connections: Connections,
  source: string | Place,
  change: ManifestChange,
  { mediaType, ...options }: EditManifestOptions = {},
): Promise<EditedImage> {
  return editView(
    connections,
    source,
    async (view, edited) => {
      const { repository, registry } = edited;
      const editImage = async (image: Image): Promise<Image> => {
        const before = await image.manifest(options);
        const after = editedManifest(before, await change(before), mediaType);
        if (after === before) return image;
        const opened = openImage(withManifest(repository, after), after, { registry });
        await refuseOtherDiffIds(image, opened, options);
        return opened;
      };
      if (view.kind === 'image' || options.platforms !== undefined)
        return changeView(view, editImage, edited, options);
      const before = await view.manifest(options);
      const after = editedManifest(before, await change(before), mediaType);
      return after === before ? view : openIndex(repository, after, { registry });
    },
    options,
  );
}
