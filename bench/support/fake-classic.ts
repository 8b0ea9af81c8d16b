import { gunzipSync } from 'node:zlib';
import type { TarFileWithBody } from '../../src/tar/write.ts';
import {
  blobName,
  demandFile,
  describeBytes,
  type FakeImages,
  type FakeNames,
  namedEntries,
  savedFile,
  sha256,
  shortName,
} from './fake-images.ts';

/** The way in which a classic store saves an image. */
export interface FakeClassicOptions {
  /** `oci`: Docker 25 and later; `legacy`: with `repositories`, and a link for a repeated layer. */
  readonly form: 'oci' | 'legacy';
  /** The place of manifest.json in the archive. */
  readonly manifest: 'first' | 'last';
}

interface ClassicImage {
  readonly config: Buffer;
  /** Unpacked. */
  readonly layers: readonly Buffer[];
}

interface SavedEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

interface Config {
  readonly os: string;
  readonly architecture: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** A store that knows an image by its config, and keeps unpacked layers. */
export function classicImages(names: FakeNames, { form, manifest }: FakeClassicOptions): FakeImages {
  const images = new Map<string, ClassicImage>();
  const demand = (id: string): ClassicImage => {
    const found = images.get(id);
    if (found !== undefined) return found;
    throw new Error(`reference does not exist: ${id}`);
  };
  const keep = (files: ReadonlyMap<string, Buffer>, entry: SavedEntry): readonly string[] => {
    const config = demandFile(files, entry.Config);
    const layers = entry.Layers.map((name) => unpacked(demandFile(files, name)));
    if (layers.map(sha256).join() !== configOf(config).rootfs.diff_ids.join())
      throw new Error('invalid diffID for layer 0');
    const id = sha256(config);
    images.set(id, { config, layers });
    const given = entry.RepoTags ?? [];
    for (const name of given) names.set(name, id);
    return given.length === 0 ? [id] : given.map(shortName);
  };
  return {
    load(files) {
      const entries: readonly SavedEntry[] = JSON.parse(demandFile(files, 'manifest.json').toString());
      return entries.flatMap((entry) => keep(files, entry));
    },
    save(id) {
      const files = (form === 'oci' ? ociForm : legacyForm)(demand(id), names.of(id));
      const list = files.filter(({ name }) => name === 'manifest.json');
      const others = files.filter(({ name }) => name !== 'manifest.json');
      return manifest === 'first' ? [...list, ...others] : [...others, ...list];
    },
    describe(id) {
      const { os, architecture, rootfs } = configOf(demand(id).config);
      const layers = { Type: 'layers', Layers: rootfs.diff_ids };
      return { Id: id, Size: 1234, Os: os, Architecture: architecture, RootFS: layers };
    },
    ids: () => [...images.keys()],
  };
}

function configOf(bytes: Buffer): Config {
  return JSON.parse(bytes.toString());
}

function unpacked(layer: Buffer): Buffer {
  return layer[0] === 0x1f && layer[1] === 0x8b ? gunzipSync(layer) : layer;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const configType = 'application/vnd.oci.image.config.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

function ociForm({ config, layers }: ClassicImage, names: readonly string[]): readonly TarFileWithBody[] {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: describeBytes(configType, config),
      layers: layers.map((layer) => describeBytes(layerType, layer)),
    }),
  );
  const entry: SavedEntry = {
    Config: blobName(sha256(config)),
    RepoTags: names,
    Layers: layers.map((layer) => blobName(sha256(layer))),
  };
  const blobs = new Map([config, manifest, ...layers].map((blob) => [blobName(sha256(blob)), blob]));
  return [
    { name: 'blobs/', type: 'directory' },
    { name: 'blobs/sha256/', type: 'directory' },
    ...[...blobs].map(([name, blob]) => savedFile(name, blob)),
    savedFile('index.json', {
      schemaVersion: 2,
      manifests: namedEntries(describeBytes(manifestType, manifest), names),
    }),
    savedFile('manifest.json', [entry]),
    savedFile('oci-layout', { imageLayoutVersion: '1.0.0' }),
  ];
}

/** Docker before version 25 writes a link for a layer that it has written before. */
function legacyForm({ config, layers }: ClassicImage, names: readonly string[]): readonly TarFileWithBody[] {
  const folders = layers.map((layer, at) => sha256(Buffer.from(`${at} ${sha256(layer)}`)).slice(7));
  const parts = layers.flatMap((layer, at): readonly TarFileWithBody[] => {
    const folder = folders[at] ?? '';
    const first = layers.findIndex((other) => other.equals(layer));
    const name = `${folder}/layer.tar`;
    return [
      { name: `${folder}/`, type: 'directory' },
      savedFile(`${folder}/VERSION`, Buffer.from('1.0')),
      savedFile(`${folder}/json`, { id: folder }),
      first === at
        ? savedFile(name, layer)
        : { name, type: 'symlink', linkname: `../${folders[first]}/layer.tar` },
    ];
  });
  const file = `${sha256(config).slice(7)}.json`;
  const entry: SavedEntry = {
    Config: file,
    RepoTags: names.length === 0 ? null : names,
    Layers: folders.map((folder) => `${folder}/layer.tar`),
  };
  const repositories = names.map((name) => {
    const [repository = '', tag = 'latest'] = name.split(':');
    return [repository, { [tag]: folders.at(-1) }] as const;
  });
  return [
    ...parts,
    savedFile(file, config),
    savedFile('manifest.json', [entry]),
    savedFile('repositories', Object.fromEntries(repositories)),
  ];
}
