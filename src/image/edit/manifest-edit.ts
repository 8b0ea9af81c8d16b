import { ContentError } from '../../errors.ts';
import { manifestOfBytes } from '../../json/make-manifest.ts';
import { parseJson } from '../../json/parse.ts';
import { computableAlgorithm, type Digest } from '../../spec/digest.ts';
import type { Manifest } from '../../spec/manifest.ts';
import { familyOf } from '../../spec/media-family.ts';
import { isConfigType, isLayerType } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import { createLayer } from '../layer.ts';

/**
 * Parses the new bytes of a manifest. `mediaType` is the type of a document that names none, by default that of the old one. The
 * same bytes return the old manifest.
 * @throws MANIFEST_INVALID when the bytes are no manifest of the same kind, or mix docker's media types with OCI's
 */
export function editedManifest(before: Manifest, bytes: Uint8Array, mediaType?: string): Manifest {
  const { descriptor, body } = before;
  const document = parseJson(bytes, { what: 'the new manifest' });
  const said: unknown =
    typeof document === 'object' && document !== null ? Reflect.get(document, 'mediaType') : undefined;
  const type = mediaType ?? (typeof said === 'string' ? said : descriptor.mediaType);
  const after = manifestOfBytes(bytes, type, computableAlgorithm(descriptor.digest));
  if (after.descriptor.digest === descriptor.digest) return before;
  if (after.body.kind !== body.kind)
    throw refusal(
      `its type is ${after.descriptor.mediaType}, and that of the old one ${descriptor.mediaType}`,
    );
  refuseMixed(after);
  return after;
}

/** Refuses an image with docker's and OCI's media types, which other programs cannot read. */
function refuseMixed({ descriptor, body }: Manifest): void {
  if (body.kind !== 'image') return;
  const family = familyOf(descriptor.mediaType);
  const other = [body.config, ...body.layers].find(
    ({ mediaType }) => (isLayerType(mediaType) || isConfigType(mediaType)) && familyOf(mediaType) !== family,
  );
  if (other !== undefined)
    throw refusal(`its type is ${descriptor.mediaType}, and ${other.mediaType} in it is of the other family`);
}

/**
 * Compares the layers of an edited image with the diffIDs in its config. Reads only layers that the old image does not have.
 * @throws MANIFEST_INVALID when they differ
 */
export async function refuseOtherDiffIds(before: Image, after: Image, read?: SignalOptions): Promise<void> {
  const { config, layers } = (await after.manifest(read)).body;
  if (!isConfigType(config.mediaType)) return;
  const diffIds = (await after.config(read)).rootfs.diff_ids;
  if (diffIds.length !== layers.length)
    throw refusal(`it has ${layers.length} layers, and its config names ${diffIds.length}`);
  const known = await knownDiffIds(before, read);
  for (const [at, layer] of (await after.layers(read)).entries()) {
    const descriptor = await layer.descriptor(read);
    const diffId =
      known.get(descriptor.digest) ?? (await createLayer(layer.compressed(), { descriptor }).diffId(read));
    if (diffId !== diffIds[at])
      throw refusal(`layer ${at} is ${diffId} without compression, and its config names ${diffIds[at]}`);
  }
}

async function knownDiffIds(
  image: Image,
  read: SignalOptions | undefined,
): Promise<ReadonlyMap<Digest, Digest>> {
  const { config, layers } = (await image.manifest(read)).body;
  if (!isConfigType(config.mediaType)) return new Map();
  const diffIds = (await image.config(read)).rootfs.diff_ids;
  return new Map(
    layers.flatMap(({ digest }, at) => {
      const diffId = diffIds[at];
      return diffId === undefined ? [] : [[digest, diffId] as const];
    }),
  );
}

function refusal(reason: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `the new manifest cannot be used: ${reason}`);
}
