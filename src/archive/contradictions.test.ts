import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { decompressed } from '../flow/compression.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { type SampleImage, sampleImage, tarOf } from './archives.test.samples.ts';
import { openArchive } from './read.ts';

/** Archives with documents that contradict each other: every image that gantry reads from them is complete. */

const images = [await sampleImage('one'), await sampleImage('two', 'arm64'), await sampleImage('three')];
const path = join(tmpdir(), `gantry-test-${process.pid}-lies.tar`);
after(() => rmSync(path, { force: true }));

interface Saved {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

interface Documents {
  /** The manifest of each image, before its digest is known. */
  readonly manifests: { config: object; layers: object[] }[];
  readonly names: string[];
  readonly saved: Saved[];
  readonly dropped: Set<string>;
}

const blobName = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function documentsOf(): Documents {
  const bodies = images.map(({ manifest: { body } }) => body);
  return {
    manifests: bodies.map((body) =>
      body.kind === 'image' ? { config: body.config, layers: [...body.layers] } : { config: {}, layers: [] },
    ),
    names: images.map((_, at) => `acme/app:${at}`),
    saved: images.map((image, at) => ({
      Config: blobName(digestOf(image.config)),
      RepoTags: [`acme/app:${at}`],
      Layers: layersOf(image).map(blobName),
    })),
    dropped: new Set(),
  };
}

function layersOf({ manifest: { body } }: SampleImage): readonly string[] {
  return body.kind === 'image' ? body.layers.map(({ digest }) => digest) : [];
}

interface Lie {
  readonly kind: number;
  readonly image: number;
  readonly other: number;
  readonly layer: number;
}

const kinds = 15;
/** Drops the layer that all images share: then no image can be read. */
const droppedLayer = 12;

/** Changes one document, so that it contradicts the others. */
function tell({ manifests, saved, names, dropped }: Documents, { kind, image, other, layer }: Lie): void {
  const [manifest, twin] = [manifests[image], manifests[other]];
  const [entry, second] = [saved[image], saved[other]];
  if (manifest === undefined || twin === undefined || entry === undefined || second === undefined) return;
  const lies: readonly (() => unknown)[] = [
    () => manifest.layers.splice(layer, 1),
    () => manifest.layers.splice(0, 2, ...twin.layers),
    () => manifest.layers.push(...manifest.layers),
    () => manifest.layers.splice(0, 9, ...manifest.layers.toReversed()),
    () => Object.assign(manifest, { config: twin.config }),
    () => Object.assign(manifest.layers[layer] ?? {}, { size: 1 }),
    () => entry.Layers.splice(layer, 1),
    () => entry.Layers.splice(0, 9, ...entry.Layers.toReversed()),
    () => entry.Layers.splice(0, 2, ...second.Layers),
    () => Object.assign(entry, { Config: second.Config }),
    () => entry.RepoTags.push(...second.RepoTags),
    () => names.splice(image, 1, names[other] ?? ''),
    () => dropped.add(entry.Layers[layer] ?? ''),
    () => dropped.add(entry.Config),
    () => dropped.add('index.json'),
  ];
  assert.equal(lies.length, kinds);
  lies[kind]?.();
}

async function archiveOf({ manifests, names, saved, dropped }: Documents): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { blobs } of images) for (const [digest, bytes] of blobs) files.set(blobName(digest), bytes);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const entries = manifests.map((body, at) => {
    const bytes = encode({ schemaVersion: 2, mediaType, ...body });
    const digest = digestOf(bytes);
    files.set(blobName(digest), bytes);
    const annotations = { 'io.containerd.image.name': `docker.io/${names[at]}` };
    return { mediaType, digest, size: bytes.byteLength, annotations };
  });
  files.set('index.json', encode({ schemaVersion: 2, manifests: entries }));
  files.set('manifest.json', encode(saved));
  for (const name of dropped) files.delete(name);
  const parts = [...files].map(([name, bytes]) => ({
    name,
    size: bytes.byteLength,
    body: bytesContent(bytes).open(),
  }));
  return tarOf(parts);
}

/** Returns the names that can be read. Throws unless each image matches its config. */
async function readAll(): Promise<readonly string[]> {
  await using archive = await openArchive(path);
  const read: string[] = [];
  for await (const name of archive.tags.list()) {
    try {
      await readImage(archive, name);
      read.push(name.slice(-1));
    } catch (error) {
      if (!isGantryError(error)) throw error;
    }
  }
  return read;
}

async function readImage(archive: Awaited<ReturnType<typeof openArchive>>, name: string): Promise<void> {
  const { body } = await archive.manifests.get(name);
  assert.ok(body.kind === 'image');
  const read = (digest: typeof body.config): Promise<Uint8Array> =>
    collect(archive.blobs.open(digest).open(), { limit: 2 ** 20, what: name });
  const { rootfs } = JSON.parse(new TextDecoder().decode(await read(body.config)));
  const layers: string[] = [];
  for (const layer of body.layers) {
    const plain = decompressed(bytesContent(await read(layer)).open(), { what: name });
    layers.push(digestOf(await collect(plain, { limit: 2 ** 20, what: name })));
  }
  assert.deepEqual(layers, rootfs.diff_ids);
}

describe('docker25-empty-layers: an archive of three images with one contradicting document', () => {
  for (let kind = 0; kind < kinds; kind++) {
    it(`a contradiction of the kind ${kind} gives complete images or errors, and leaves the other image readable`, async () => {
      for (const [image, other, bystander] of [
        [0, 1, 2],
        [1, 2, 0],
        [2, 0, 1],
      ] as const) {
        for (const layer of [0, 1]) {
          const documents = documentsOf();
          tell(documents, { kind, image, other, layer });
          writeFileSync(path, await archiveOf(documents));
          const read = await readAll();
          if (kind !== droppedLayer) assert.ok(read.includes(String(bystander)), `${image} ${layer}`);
        }
      }
    });
  }
});
