import { UnsupportedError } from '../../errors.ts';
import { collectContent } from '../../flow/collect.ts';
import type { JsonChange } from '../../json/edit.ts';
import { toBase64 } from '../../spec/base64url.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { familyOf } from '../../spec/media-family.ts';
import { isDistributable } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import type { IndexView } from '../image-index.ts';
import type { Layer } from '../layer.ts';
import { changed } from './changeable.ts';
import { editDocuments, refuseArtifact } from './documents.ts';
import { editIndexDocument } from './index-document.ts';
import type { IndexContext } from './map-images.ts';

/**
 * Writes the content of config and layers of at most `most` bytes into their descriptors, as base64, and removes it from the
 * descriptors of larger content. With 0, no content is inlined.
 */
export function withInlineData(image: Image, most: number): Image {
  return changed(image, {
    async documents(documents, read) {
      const { manifest, config } = documents;
      refuseArtifact(manifest);
      refuseDocker(manifest.descriptor, most);
      const layers = await image.layers(read);
      const edits = [dataEdit(['config'], config.byteLength <= most ? config : undefined)];
      for (const [at, descriptor] of manifest.body.layers.entries()) {
        const bytes = descriptor.size <= most ? await smallLayer(descriptor, layers[at], read) : undefined;
        edits.push(dataEdit(['layers', at], bytes));
      }
      return editDocuments(documents, { manifest: edits });
    },
  });
}

/** As `withInlineData`, for the entries of an index. Entries that are no images lose only content that is too large. */
export async function inlinedEntries(
  index: IndexView,
  most: number,
  { childOf }: IndexContext,
): Promise<IndexView> {
  refuseDocker(index.descriptor, most);
  const edits: JsonChange[] = [];
  for (const [at, { digest, size }] of index.body.manifests.entries()) {
    const child = size <= most ? await childOf(digest) : undefined;
    if (child !== undefined || size > most) edits.push(dataEdit(['manifests', at], child?.bytes));
  }
  return editIndexDocument(index, edits);
}

async function smallLayer(
  descriptor: Descriptor,
  layer: Layer | undefined,
  { signal }: SignalOptions = {},
): Promise<Uint8Array | undefined> {
  if (layer === undefined || !isDistributable(descriptor.mediaType)) return undefined;
  const { size, digest } = descriptor;
  return collectContent(layer.compressed(), { limit: size, what: `layer ${digest}`, signal });
}

function dataEdit(
  path: readonly [string, ...(string | number)[]],
  bytes: Uint8Array | undefined,
): JsonChange {
  return { path: [...path, 'data'], value: bytes === undefined ? undefined : toBase64(bytes) };
}

function refuseDocker({ mediaType, digest }: Descriptor, most: number): void {
  if (most === 0 || familyOf(mediaType) === 'oci') return;
  throw new UnsupportedError(
    'data',
    `${digest} is in docker's format, which has no place for inlined content: convert it to OCI`,
  );
}
