import { ContentError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { sniffCompression } from '../flow/compression.ts';
import { diffIdsOf } from '../json/config-facts.ts';
import { configLimit } from '../json/image-config.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { ImageManifest } from '../spec/manifest.ts';
import { isConfigType, isDistributable, isLayerType, parseMediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { TarEntry } from '../tar/entry.ts';
import { blobMember } from './blob-member.ts';
import type { SavedImage } from './docker.ts';
import type { Recompressor } from './recompress.ts';
import { checkedContent, type Tarball } from './tarball.ts';

/** An image of index.json with the entries of manifest.json that also describe it. */
export interface Described {
  readonly digest: Digest;
  readonly image: ImageManifest;
  readonly saved: readonly SavedImage[];
}

/**
 * Compares a manifest with its config, its layers and manifest.json, as far as that is cheap: it compares
 * only uncompressed layers with their diff_ids, because their digests are known. Returns a sentence about the
 * first contradiction. A layer with another compression than its type names is only a warning, since every
 * tool looks at the bytes.
 */
export async function contradictionIn(tarball: Tarball, described: Described): Promise<string | undefined> {
  const { digest, image, saved } = described;
  if (!isConfigType(image.config.mediaType)) return undefined;
  const diffIds = await layersInConfig(tarball, image);
  if (diffIds !== undefined && diffIds.length !== image.layers.length) {
    return `manifest ${digest} lists ${layerCount(image.layers)}, its config ${diffIds.length}`;
  }
  for (const [at, layer] of image.layers.entries()) {
    const entry = tarball.find(blobMember(layer.digest));
    if (entry === undefined || !isLayerType(layer.mediaType)) continue;
    const packing = await packingOf(tarball, entry);
    warnOfType(tarball, layer, packing);
    const diffId = diffIds?.[at];
    if (packing !== 'none' || diffId === undefined || diffId === layer.digest) continue;
    if (diffId.startsWith('sha256:'))
      return `layer ${layer.digest} is not the ${diffId} that its config names`;
  }
  const other = saved.find(({ Layers }) => !sameFiles(tarball, image.layers, Layers));
  if (other === undefined) return undefined;
  const isLonger = other.Layers.length !== image.layers.length;
  const theirs = isLonger ? layerCount(other.Layers) : 'others';
  return `manifest ${digest} lists ${layerCount(image.layers)}, manifest.json ${theirs} for the same config`;
}

/** Returns whether every layer unpacks to the digest in the config. Reads all layers. */
export async function isWhole(
  tarball: Tarball,
  { image }: Described,
  recompress: Recompressor,
  options: SignalOptions,
): Promise<boolean> {
  const diffIds = await layersInConfig(tarball, image);
  if (diffIds === undefined || diffIds.length !== image.layers.length) return false;
  for (const [at, { digest }] of image.layers.entries()) {
    const entry = tarball.find(blobMember(digest));
    if (entry === undefined || (await recompress(entry, options)).diffId !== diffIds[at]) return false;
  }
  return true;
}

/** Makes the MANIFEST_INVALID for two descriptions of which neither is known to be right. */
export function refuseContradiction({ path }: Tarball, contradiction: string, cause?: unknown): ContentError {
  return new ContentError('MANIFEST_INVALID', `${path} contradicts itself: ${contradiction}`, { cause });
}

/** Returns the diff_ids of the config; undefined if the config is missing or has none. */
async function layersInConfig(
  tarball: Tarball,
  { config }: ImageManifest,
): Promise<readonly string[] | undefined> {
  const entry = tarball.find(blobMember(config.digest));
  if (entry === undefined) return undefined;
  const what = `${tarball.path}: config ${config.digest}`;
  const content = checkedContent(tarball.content(entry), config.digest, what);
  return diffIdsOf(await collect(content.open(), { limit: configLimit, what }));
}

async function packingOf(tarball: Tarball, entry: TarEntry): Promise<'gzip' | 'zstd' | 'none'> {
  const start = tarball.content(entry).open({ from: 0, to: 4 });
  return sniffCompression(await collect(start, { limit: 4, what: entry.name }));
}

function warnOfType(tarball: Tarball, { digest, mediaType, size }: Descriptor, packing: string): void {
  const [, said = 'none'] = /[+.](gzip|zstd)$/.exec(parseMediaType(mediaType)) ?? [];
  if (said === packing || size === 0) return;
  tarball.warn(`layer ${digest} has the type of ${words(said)}, but its bytes are ${words(packing)}`);
}

/**
 * Returns whether both lists mean the same positions in the file. Layers that may not be distributed have
 * none.
 */
function sameFiles(tarball: Tarball, layers: readonly Descriptor[], names: readonly string[]): boolean {
  if (layers.length !== names.length) return false;
  return layers.every(({ digest, mediaType }, at) => {
    const own = tarball.find(blobMember(digest));
    if (own === undefined) return !isDistributable(mediaType);
    return tarball.find(names[at] ?? '')?.offset === own.offset;
  });
}

function words(packing: string): string {
  return packing === 'none' ? 'plain tar' : packing;
}

function layerCount({ length }: readonly unknown[]): string {
  if (length === 0) return 'no layers';
  return length === 1 ? '1 layer' : `${length} layers`;
}
