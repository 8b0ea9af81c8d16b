import { collect, drain } from '../flow/collect.ts';
import { decompressed } from '../flow/compression.ts';
import { digestOf } from '../flow/hash.ts';
import { type JsonObject, readMap } from '../json/field.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { parseJson } from '../json/parse.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { digestEncoded } from '../spec/digest.ts';
import type { HistoryEntry } from '../spec/image-config.ts';
import type { TarFileWithBody } from '../tar/write.ts';
import { bytesFile, jsonFile } from './oci-form.ts';
import { demandStaged, imagesOf, type NamedImage, type Staged } from './staged.ts';

/** A layer in the form of Docker before 1.10. */
interface V1Layer {
  readonly id: string;
  readonly json: JsonObject;
  readonly blob: Descriptor;
}

/**
 * Yields the files of `docker save` before Docker 25 and of `crane pull --format=legacy`: a folder for each
 * layer, with crane's name and the uncompressed layer, `manifest.json` and `repositories`. Throws UNSUPPORTED
 * without an image that Docker can load.
 */
export async function* legacyFiles(staged: Staged): AsyncIterable<TarFileWithBody> {
  const manifest: unknown[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  const written = new Set<string>();
  for (const { image, names } of imagesOf(staged)) {
    const config = await readConfig(staged, image.config);
    const configName = `${digestEncoded(image.config.digest)}.json`;
    if (!written.has(configName)) yield bytesFile(configName, config);
    written.add(configName);
    const layers = v1Layers(image, config);
    for (const layer of layers) {
      if (!written.has(layer.id)) yield* layerFiles(staged, layer);
      written.add(layer.id);
    }
    manifest.push({ Config: configName, RepoTags: names, Layers: layers.map(({ id }) => `${id}/layer.tar`) });
    for (const name of names) addRepository(repositories, name, layers.at(-1));
  }
  yield jsonFile('manifest.json', manifest);
  yield jsonFile('repositories', repositories);
}

async function readConfig({ path, blobs }: Staged, config: Descriptor): Promise<Uint8Array> {
  const content = demandStaged(blobs, config);
  return collect(content.open(), { limit: configLimit, what: `${path}: config ${config.digest}` });
}

async function* layerFiles({ path, blobs }: Staged, layer: V1Layer): AsyncIterable<TarFileWithBody> {
  const { id, json, blob } = layer;
  const content = demandStaged(blobs, blob);
  const plain = (): AsyncIterable<Uint8Array> =>
    decompressed(content.open(), { what: `${path}: layer ${blob.digest}` });
  // A tar has the size before the bytes, and only unpacking tells it.
  yield { name: `${id}/layer.tar`, size: await drain(plain()), body: plain() };
  yield jsonFile(`${id}/json`, json);
  yield bytesFile(`${id}/VERSION`, new TextEncoder().encode('1.0'));
}

/**
 * Makes the layers from the bottom up. Each names the one below; the top one has the settings for running the
 * image.
 */
function v1Layers({ layers }: NamedImage['image'], config: Uint8Array): readonly V1Layer[] {
  const steps = (parseImageConfig(config).history ?? []).filter((step) => step.empty_layer !== true);
  const history = steps.length === layers.length ? steps : [];
  const made: V1Layer[] = [];
  for (const [at, blob] of layers.entries()) {
    const parent = made.at(-1)?.id;
    const isTop = at === layers.length - 1;
    const id = v1Id(blob, parent ?? '', isTop ? config : undefined);
    const json = {
      id,
      ...(parent === undefined ? {} : { parent }),
      ...stepFields(history[at] ?? {}),
      ...(isTop ? runFields(config) : {}),
    };
    made.push({ id, json, blob });
  }
  return made;
}

/** Makes the id as crane does: from the layer, the layers below it and, for the top one, the config. */
function v1Id({ digest }: Descriptor, parent: string, config: Uint8Array | undefined): string {
  const seed = `${digestEncoded(digest)} ${parent}`;
  const text = config === undefined ? seed : `${seed} ${new TextDecoder().decode(config)}`;
  return digestEncoded(digestOf(new TextEncoder().encode(text)));
}

function stepFields({ created, created_by: command, author, comment }: HistoryEntry): JsonObject {
  // JSON.stringify leaves undefined fields out.
  return { created, author, comment, container_config: { Cmd: [command ?? ''] } };
}

function runFields(config: Uint8Array): JsonObject {
  const what = 'image config';
  const { value } = readMap({ value: parseJson(config, { what }), what, path: '' });
  const fields = [
    'architecture',
    'os',
    'variant',
    'os.version',
    'created',
    'container',
    'docker_version',
    'config',
  ];
  return Object.fromEntries(fields.filter((name) => name in value).map((name) => [name, value[name]]));
}

function addRepository(
  repositories: Record<string, Record<string, string>>,
  name: string,
  top: V1Layer | undefined,
): void {
  const colon = name.lastIndexOf(':');
  const [repository, tag] =
    colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, 'latest'];
  if (top !== undefined) repositories[repository] = { ...repositories[repository], [tag]: top.id };
}
