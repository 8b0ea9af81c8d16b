import { Buffer } from 'node:buffer';
import { isGantryError, ResponseError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { sleep } from '../flow/sleep.ts';
import { editJson } from '../json/edit.ts';
import { manifestOf, manifestOfBytes } from '../json/make-manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { systemClock } from '../time/clock.ts';
import { type NewBlob, newBlob } from './make-bundle.ts';

/** Readings of the tag, in a row, that have to show the layer: another signer may be replacing the manifest. */
const readings = 3;
/** Milliseconds between the readings. */
const pause = 100;
/** More writes than two crowds of signers need. */
const mostWrites = 20;

/**
 * Adds a layer to the manifest under one of cosign's tags. Registries have no way to change a tag only if nobody else has, so
 * gantry reads the tag again and adds the layer again if another signer has overwritten it.
 * @throws UNEXPECTED_ANSWER when the tag never reads as written
 */
export async function addTaggedLayer(
  to: Repository,
  tag: string,
  layer: NewBlob,
  { signal }: SignalOptions,
): Promise<Manifest> {
  await to.blobs.write(layer.descriptor, bytesContent(layer.bytes), { isNew: true, signal });
  let found = 0;
  for (let writes = 0; writes < mostWrites; ) {
    const standing = await taggedManifest(to, tag, { signal });
    if (standing !== undefined && hasLayer(standing, layer.descriptor)) {
      if (++found === readings || writes === 0) return standing;
      await sleep(systemClock, pause, signal);
      continue;
    }
    found = 0;
    writes++;
    await writeManifest(to, tag, { standing, layer: layer.descriptor, signal });
  }
  throw new ResponseError(
    'UNEXPECTED_ANSWER',
    `${to.name}:${tag}: other signers overwrite the signature again and again: sign once more later`,
  );
}

async function taggedManifest(
  from: Repository,
  tag: string,
  options: SignalOptions,
): Promise<Manifest | undefined> {
  try {
    return await from.manifests.get(tag, options);
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_UNKNOWN') || isGantryError(error, 'NAME_UNKNOWN')) return undefined;
    throw error;
  }
}

/** Compares also the annotations, where the signature is. */
function hasLayer({ body }: Manifest, { digest, annotations }: Descriptor): boolean {
  if (body.kind !== 'image') return false;
  const wanted = Object.entries(annotations ?? {});
  return body.layers.some(
    (layer) => layer.digest === digest && wanted.every(([key, value]) => layer.annotations?.[key] === value),
  );
}

interface TaggedChange extends SignalOptions {
  readonly standing: Manifest | undefined;
  readonly layer: Descriptor;
}

async function writeManifest(
  to: Repository,
  tag: string,
  { standing, layer, signal }: TaggedChange,
): Promise<void> {
  const before = standing?.body.kind === 'image' ? standing.body.layers : [];
  const layers = [...before, layer];
  const config = configOf(layers);
  await to.blobs.write(config.descriptor, bytesContent(config.bytes), { isNew: true, signal });
  const manifest =
    standing?.body.kind === 'image'
      ? withLayer(standing, config.descriptor, layer, before.length)
      : manifestOf({ schemaVersion: 2, mediaType: MediaType.ociManifest, config: config.descriptor, layers });
  await to.manifests.put(manifest, { tags: [tag], signal });
}

function withLayer(standing: Manifest, config: Descriptor, layer: Descriptor, at: number): Manifest {
  const changes = [
    { path: ['config'], value: config },
    { path: ['layers', at], value: layer },
  ] as const;
  const bytes = editJson(standing.bytes, changes, { what: 'the manifest of signatures' });
  return manifestOfBytes(bytes, standing.descriptor.mediaType);
}

/** Makes the config of an image that consists of these layers, as cosign does. */
function configOf(layers: readonly Descriptor[]): NewBlob {
  const created = '0001-01-01T00:00:00Z';
  const config = {
    architecture: '',
    created,
    history: layers.map(() => ({ created })),
    os: '',
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    config: {},
  };
  return newBlob(Buffer.from(JSON.stringify(config)), MediaType.ociConfig);
}
