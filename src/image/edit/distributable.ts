import { isGantryError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { distributableType, isDistributable } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import type { Layer } from '../layer.ts';
import { changed } from './changeable.ts';
import { documentsOf, editDocuments, refuseArtifact } from './documents.ts';

/**
 * Makes layers that a licence restricts ordinary ones, without `urls`. A layer stays as it is if the place of the image
 * does not have its bytes; `onAbsent` receives it.
 */
export function withDistributableLayers(image: Image, onAbsent: (layer: Descriptor) => void): Image {
  let known: readonly Layer[] | undefined;
  const freed = async (read: SignalOptions = {}): Promise<readonly Layer[]> => {
    known ??= await freeLayers(image, onAbsent, read);
    return known;
  };
  return changed(image, {
    async documents(documents, read) {
      refuseArtifact(documents.manifest);
      const layers = await freed(read);
      const edits = documents.manifest.body.layers.flatMap(({ mediaType }, at) => {
        const now = layers[at]?.mediaType ?? mediaType;
        if (now === mediaType) return [];
        return [
          { path: ['layers', at, 'mediaType'] as const, value: now },
          { path: ['layers', at, 'urls'] as const, value: undefined },
        ];
      });
      return editDocuments(documents, { manifest: edits });
    },
    layers: freed,
  });
}

async function freeLayers(
  image: Image,
  onAbsent: (layer: Descriptor) => void,
  read: SignalOptions,
): Promise<readonly Layer[]> {
  const { body } = (await documentsOf(image, read)).manifest;
  const layers: Layer[] = [];
  for (const [at, layer] of (await image.layers(read)).entries()) {
    const descriptor = body.layers[at] ?? (await layer.descriptor(read));
    if (isDistributable(descriptor.mediaType)) layers.push(layer);
    else if (await isAtHand(layer, read)) layers.push(freeLayer(layer, descriptor));
    else {
      onAbsent(descriptor);
      layers.push(layer);
    }
  }
  return layers;
}

async function isAtHand(layer: Layer, { signal }: SignalOptions): Promise<boolean> {
  try {
    for await (const _ of layer.compressed().open({ from: 0, to: 1, signal })) return true;
    return true;
  } catch (error) {
    if (isGantryError(error, 'BLOB_UNKNOWN')) return false;
    throw error;
  }
}

function freeLayer(layer: Layer, { mediaType: restricted, digest, size }: Descriptor): Layer {
  const mediaType = distributableType(restricted);
  return { ...layer, mediaType, descriptor: async () => ({ mediaType, digest, size }) };
}
