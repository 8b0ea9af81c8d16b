import { ContentError } from '../errors.ts';
import { platformOf } from '../json/config-facts.ts';
import { type Field, member, optional, readArray, readMap, readString } from '../json/field.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { parseJson } from '../json/parse.ts';
import type { TarEntry } from '../tar/entry.ts';
import { inArchive } from './failure.ts';
import type { RecompressedLayer, Recompressor } from './recompress.ts';
import type { SynthesizedImage, SynthesizedParts } from './synthesis.ts';
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
  return oncePerImage(readArray({ value: parseJson(bytes, { what }), what, path: '' }, readSavedImage));
}

/** Some tools list an image once for each of its names. */
function oncePerImage(images: readonly SavedImage[]): readonly SavedImage[] {
  const names = new Map<string, string[]>();
  const distinct: SavedImage[] = [];
  for (const image of images) {
    const key = JSON.stringify([image.Config, image.Layers]);
    const known = names.get(key) ?? [];
    if (!names.has(key)) distinct.push({ ...image, RepoTags: known });
    names.set(key, known);
    for (const name of image.RepoTags) known.push(name);
  }
  return distinct;
}

function readSavedImage(field: Field): SavedImage {
  const image = readMap(field);
  return {
    Config: readString(member(image, 'Config')),
    // Go writes an empty list as null.
    RepoTags: (optional(image, 'RepoTags', readStrings) ?? []).filter((name) => name !== noName),
    Layers: optional(image, 'Layers', readStrings) ?? [],
  };
}

/** The name that some tools give an image without a name. */
const noName = '<none>:<none>';

function readStrings(field: Field): readonly string[] {
  return readArray(field, readString);
}

/** An image of a `manifest.json` with its entry there. */
export interface DockerImage extends SynthesizedImage {
  readonly saved: SavedImage;
}

/**
 * Returns the images that the manifest.json of a `docker save` archive lists. Their files are `<id>.json` or
 * `sha256:<id>`, and `<id>/layer.tar`, `<digest>.tar.gz` or any other names. `make` throws BLOB_UNKNOWN for a
 * missing file, and DIGEST_INVALID for a layer with another digest than in the config; a broken image does
 * not block the others.
 */
export function readDocker(
  tarball: Tarball,
  images: readonly SavedImage[],
  recompress: Recompressor,
): readonly DockerImage[] {
  return images.map((saved) => ({
    saved,
    names: saved.RepoTags,
    async platform() {
      if (tarball.find(saved.Config) === undefined) return undefined;
      return platformOf(await readConfig(tarball, saved));
    },
    make: (options) => makeImage(tarball, saved, (entry) => recompress(entry, options)),
  }));
}

/** Finds a file. Docker on Windows writes names with backslashes, and the tar has slashes. */
function demandFile(tarball: Tarball, name: string, role: string): TarEntry {
  const slashed = name.replaceAll('\\', '/');
  return slashed !== name && tarball.find(name) === undefined
    ? demand(tarball, slashed, role)
    : demand(tarball, name, role);
}

async function readConfig(tarball: Tarball, { Config }: SavedImage): Promise<Uint8Array> {
  const { name } = demandFile(tarball, Config, 'config');
  return (await tarball.read(name, configLimit)) ?? new Uint8Array(0);
}

async function makeImage(
  tarball: Tarball,
  saved: SavedImage,
  recompress: (entry: TarEntry) => Promise<RecompressedLayer>,
): Promise<SynthesizedParts> {
  const config = await readConfig(tarball, saved);
  const entries = saved.Layers.map((name) => demandFile(tarball, name, 'layer'));
  const configName = saved.Config;
  const { diff_ids: diffIds } = inArchive(tarball.path, () => parseImageConfig(config)).rootfs;
  if (diffIds.length !== entries.length) {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${tarball.path}: config ${configName} names ${diffIds.length} layers, manifest.json ${entries.length}`,
      { expected: diffIds.length, actual: entries.length },
    );
  }
  const layers: RecompressedLayer[] = [];
  // One after the other, because each keeps a core busy.
  for (const [at, entry] of entries.entries()) {
    const layer = await recompress(entry);
    if (layer.diffId !== diffIds[at]) {
      throw new ContentError(
        'DIGEST_INVALID',
        `${tarball.path}: layer ${entry.name} has digest ${layer.diffId}, not the one in its config`,
        { expected: diffIds[at] ?? '', actual: layer.diffId },
      );
    }
    layers.push(layer);
  }
  return { config, layers };
}
