import { ContentError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isImageType, isIndexType } from '../spec/media-type.ts';
import { getChild } from '../store/child.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { changeableIndex } from './edit/changeable-index.ts';
import type { Image, ViewPlace } from './image.ts';
import type { Index } from './image-index.ts';
import { checkView, openImage } from './open-image.ts';

/**
 * Opens a manifest as an index with its children in `repository`.
 * @throws MANIFEST_INVALID when the manifest is no index
 */
export function openIndex(
  repository: Repository,
  manifest: Manifest,
  options: Pick<ViewPlace, 'registry'> = {},
): Index {
  checkView('openIndex', repository, manifest, options);
  const place = { repository, registry: options.registry };
  const { descriptor, bytes, body } = manifest;
  if (body.kind !== 'index') {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${repository.name}@${descriptor.digest} is no index: its type is ${descriptor.mediaType}`,
    );
  }
  const open = (entries: readonly Descriptor[], read?: SignalOptions) => openChildren(place, entries, read);
  return changeableIndex(
    {
      kind: 'index',
      place,
      manifest: async () => ({ descriptor, bytes, body }),
      children: (read) => open(body.manifests, read),
    },
    open,
  );
}

/** Opens the entries that are images and indexes, in order. */
async function openChildren(
  { repository, registry }: ViewPlace,
  entries: readonly Descriptor[],
  options: SignalOptions | undefined,
): Promise<readonly (Image | Index)[]> {
  const listed = entries.filter(({ mediaType }) => isIndexType(mediaType) || isImageType(mediaType));
  const manifests = await Promise.all(listed.map((child) => getChild(repository.manifests, child, options)));
  return manifests.map((child) =>
    child.body.kind === 'index'
      ? openIndex(repository, child, { registry })
      : openImage(repository, child, { registry }),
  );
}
