import { ContentError } from '../errors.ts';
import { type Field, member, optional, readArray, readMap, readString } from '../json/field.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { parseJson } from '../json/parse.ts';
import type { TarEntry } from '../tar/entry.ts';
import { within } from './failure.ts';
import type { PackedLayer, Packer } from './pack.ts';
import type { ImageParts, SynthesizedImage } from './synthesis.ts';
import { demand, type Tarball } from './tarball.ts';

/** One image of a `manifest.json`: names of files in the archive, layers from the bottom up. */
export interface SavedImage {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/** Throws MANIFEST_INVALID. */
export function parseManifestJson({ path }: Tarball, bytes: Uint8Array): readonly SavedImage[] {
  const what = `${path}: manifest.json`;
  return readArray({ value: parseJson(bytes, { what }), what, path: '' }, readSavedImage);
}

function readSavedImage(field: Field): SavedImage {
  const image = readMap(field);
  return {
    Config: readString(member(image, 'Config')),
    // Go writes an empty list as null.
    RepoTags: optional(image, 'RepoTags', readStrings) ?? [],
    Layers: optional(image, 'Layers', readStrings) ?? [],
  };
}

function readStrings(field: Field): readonly string[] {
  return readArray(field, readString);
}

/**
 * The images of a `docker save` archive without an index.json: `<id>.json` or `sha256:<id>`, and `<id>/layer.tar`,
 * `<digest>.tar.gz` or whatever else its manifest.json says. Throws BLOB_UNKNOWN now when one of them isn't there;
 * `make` throws DIGEST_INVALID for a layer that is not the one the config means.
 */
export function readDocker(
  tarball: Tarball,
  images: readonly SavedImage[],
  pack: Packer,
): readonly SynthesizedImage[] {
  if (images.length === 0) {
    throw new ContentError('MANIFEST_INVALID', `${tarball.path}: manifest.json lists no images`);
  }
  return images.map(({ Config, RepoTags, Layers }) => {
    demand(tarball, Config, 'config');
    const entries = Layers.map((name) => demand(tarball, name, 'layer'));
    return {
      names: RepoTags,
      make: (options) => makeImage(tarball, Config, entries, (entry) => pack(entry, options)),
    };
  });
}

async function makeImage(
  tarball: Tarball,
  configName: string,
  entries: readonly TarEntry[],
  pack: (entry: TarEntry) => Promise<PackedLayer>,
): Promise<ImageParts> {
  const config = await tarball.read(configName, configLimit);
  if (config === undefined)
    throw new ContentError('MANIFEST_INVALID', `${tarball.path}: ${configName} is gone`);
  const { diff_ids: diffIds } = within(tarball.path, () => parseImageConfig(config)).rootfs;
  if (diffIds.length !== entries.length) {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${tarball.path}: config ${configName} names ${diffIds.length} layers, manifest.json ${entries.length}`,
      { expected: diffIds.length, actual: entries.length },
    );
  }
  const layers: PackedLayer[] = [];
  // One after the other: each of them keeps a core busy.
  for (const [at, entry] of entries.entries()) {
    const layer = await pack(entry);
    if (layer.diffId !== diffIds[at]) {
      throw new ContentError(
        'DIGEST_INVALID',
        `${tarball.path}: layer ${entry.name} has digest ${layer.diffId}, not the one that its config names`,
        { expected: diffIds[at] ?? '', actual: layer.diffId },
      );
    }
    layers.push(layer);
  }
  return { config, layers };
}
