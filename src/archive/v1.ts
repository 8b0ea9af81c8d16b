import { ContentError } from '../errors.ts';
import { platformOf } from '../json/config-facts.ts';
import {
  type Field,
  type JsonObject,
  member,
  optional,
  present,
  readArray,
  readMap,
  readString,
  readStringMap,
} from '../json/field.ts';
import { configLimit } from '../json/image-config.ts';
import { parseJson } from '../json/parse.ts';
import type { HistoryEntry } from '../spec/image-config.ts';
import type { TarEntry } from '../tar/entry.ts';
import type { RecompressedLayer, Recompressor } from './recompress.ts';
import type { SynthesizedImage, SynthesizedParts } from './synthesis.ts';
import { demand, type Tarball } from './tarball.ts';

/** The content of `<id>/json`: one layer, and the image that ends with it. */
interface LayerJson {
  readonly all: JsonObject;
  readonly parent?: string;
  readonly history: HistoryEntry;
}

interface ChainLayer {
  readonly json: LayerJson;
  readonly entry: TarEntry;
}

/** The limit of layers below one image. Docker itself stops at 127. */
const maxLayers = 1024;

/**
 * Returns the images of an archive from before Docker 1.10: a file `repositories` with the names of their top
 * layers, and for each layer a folder with `json`, which names the layer below, and `layer.tar`.
 * @see https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.md
 */
export function readV1(
  tarball: Tarball,
  repositories: Uint8Array,
  recompress: Recompressor,
): readonly SynthesizedImage[] {
  const names = readRepositories(tarball, repositories);
  return [...names].map(([id, tags]) => ({
    names: tags,
    async platform() {
      const [top] = (await chainOf(tarball, id)).slice(-1);
      return platformOf(new TextEncoder().encode(JSON.stringify(top?.json.all ?? {})));
    },
    make: async (options) => makeImage(await chainOf(tarball, id), (entry) => recompress(entry, options)),
  }));
}

/** Returns the names of each top layer, by its id. */
function readRepositories({ path }: Tarball, bytes: Uint8Array): ReadonlyMap<string, readonly string[]> {
  const what = `${path}: repositories`;
  const repositories = readMap({ value: parseJson(bytes, { what }), what, path: '' });
  const names = new Map<string, string[]>();
  for (const repository of Object.keys(repositories.value)) {
    const tags = readStringMap(member(repositories, repository));
    for (const [tag, id] of Object.entries(tags)) {
      const known = names.get(id);
      if (known === undefined) names.set(id, [`${repository}:${tag}`]);
      else known.push(`${repository}:${tag}`);
    }
  }
  if (names.size === 0) throw new ContentError('MANIFEST_INVALID', `${what} names no images`);
  return names;
}

/**
 * Returns the layers from the bottom up to `top`. Throws BLOB_UNKNOWN, and MANIFEST_INVALID for an endless
 * chain.
 */
async function chainOf(tarball: Tarball, top: string): Promise<readonly ChainLayer[]> {
  const chain: ChainLayer[] = [];
  let id: string | undefined = top;
  while (id !== undefined) {
    if (chain.length >= maxLayers) {
      throw new ContentError(
        'MANIFEST_INVALID',
        `${tarball.path}: the chain of layers below ${top} has no end`,
      );
    }
    const json = await readLayerJson(tarball, `${id}/json`);
    chain.unshift({ json, entry: demand(tarball, `${id}/layer.tar`, 'layer') });
    id = json.parent;
  }
  return chain;
}

async function readLayerJson(tarball: Tarball, name: string): Promise<LayerJson> {
  demand(tarball, name, 'layer');
  const what = `${tarball.path}: ${name}`;
  const bytes = (await tarball.read(name, configLimit)) ?? new Uint8Array(0);
  const layer = readMap({ value: parseJson(bytes, { what }), what, path: '' });
  const command = optional(layer, 'container_config', (config) =>
    optional(readMap(config), 'Cmd', readCommand),
  );
  return {
    all: layer.value,
    ...present({ parent: optional(layer, 'parent', readString) || undefined }),
    history: present({
      created: optional(layer, 'created', readString),
      author: optional(layer, 'author', readString) || undefined,
      created_by: command || undefined,
      comment: optional(layer, 'comment', readString) || undefined,
    }),
  };
}

function readCommand(field: Field): string {
  return readArray(field, readString).join(' ');
}

/** Makes the config that Docker makes of such an image when it loads it. */
async function makeImage(
  chain: readonly ChainLayer[],
  recompress: (entry: TarEntry) => Promise<RecompressedLayer>,
): Promise<SynthesizedParts> {
  const layers: RecompressedLayer[] = [];
  for (const { entry } of chain) layers.push(await recompress(entry));
  const config = {
    architecture: 'amd64',
    os: 'linux',
    ...withoutPlace(chain.at(-1)?.json.all ?? {}),
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: chain.map(({ json }) => json.history),
  };
  return { config: new TextEncoder().encode(JSON.stringify(config)), layers };
}

/** Removes the fields about the position in the chain, because rootfs and history have it. */
function withoutPlace(json: JsonObject): JsonObject {
  const places = ['id', 'parent', 'parent_id', 'layer_id', 'throwaway', 'Size'];
  return Object.fromEntries(Object.entries(json).filter(([key]) => !places.includes(key)));
}
