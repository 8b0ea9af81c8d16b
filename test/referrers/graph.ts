import assert from 'node:assert/strict';
import {
  bytesContent,
  createIndex,
  type Descriptor,
  type Digest,
  type Manifest,
  type Repository,
} from '../../src/index.ts';
import { cosignTags } from '../../src/spec/referrers-tag.ts';
import { referrerEntry } from '../../src/store/referrers.ts';
import { indexOf, listOf } from '../../src/testing/contract/sample.ts';
import { gzipLayer, imageOf } from '../peers/images.ts';
import { empty, noteOf } from './notes.ts';

/** Puts an index of two images, a referrer of it, one of one of the images, and one of that referrer. */
export async function fill(to: Repository): Promise<Graph> {
  const images = await Promise.all(
    ['amd64', 'arm64'].map(async (name) => imageOf(name, [await gzipLayer(name)])),
  );
  const index = createIndex(
    images.map((image, at) => ({
      image,
      platform: { os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' },
    })),
  );
  await to.blobs.write(empty.descriptor, bytesContent(empty.bytes));
  for (const image of images) {
    const manifest = await image.manifest();
    const { digest } = manifest.body.config;
    const config = await image.rawConfig();
    await to.blobs.write({ ...manifest.body.config, digest }, bytesContent(config));
    for (const layer of await image.layers())
      await to.blobs.write(await layer.descriptor(), layer.compressed());
    await to.manifests.put(manifest);
  }
  const root = await index.manifest();
  await to.manifests.put(root, { tags: ['v1'] });
  const [child] = root.body.manifests;
  assert.ok(child !== undefined);

  const put = async (manifest: Manifest, ...tags: readonly string[]): Promise<Manifest> => {
    await to.manifests.put(manifest, { tags });
    return manifest;
  };
  const sbom = await put(noteOf('an SBOM of the index', plain(root)));
  const signature = await put(noteOf('a signature of the SBOM', plain(sbom)));
  const note = await put(noteOf('a note on one image', child));
  const part = await put(noteOf('a part of a referrer that is an index'));
  const parts = await put(indexOf([part.descriptor], { subject: plain(root) }));
  const onPart = await put(noteOf('a note on the part', plain(part)));
  const [sig = '', , bom = ''] = cosignTags(root.descriptor.digest);
  const [, att = ''] = cosignTags(child.digest);
  const tagged = {
    [sig]: await put(noteOf("cosign's signature"), sig),
    [bom]: await put(noteOf("cosign's SBOM"), bom),
    [att]: await put(noteOf("cosign's attestation"), att),
  };
  const [onTag = ''] = cosignTags(tagged[bom]?.descriptor.digest ?? root.descriptor.digest);
  await put(noteOf('a signature of the SBOM by cosign'), onTag);
  return {
    root,
    child: child.digest,
    referrers: [
      [root, [sbom, parts]],
      [{ descriptor: child }, [note]],
      [sbom, [signature]],
      [part, [onPart]],
    ],
    tags: [sig, bom, att, onTag],
  };
}

export interface Graph {
  readonly root: Manifest;
  readonly child: Digest;
  readonly referrers: readonly (readonly [Pick<Manifest, 'descriptor'>, readonly Manifest[]])[];
  readonly tags: readonly string[];
}

export function plain({ descriptor: { mediaType, digest, size } }: Manifest): Descriptor {
  return { mediaType, digest, size };
}

export async function assertHolds(place: Repository, { root, referrers, tags }: Graph): Promise<void> {
  assert.equal((await place.manifests.resolve('copied'))?.digest, root.descriptor.digest);
  for (const [{ descriptor }, expected] of referrers) {
    assert.deepEqual(
      byDigest(await listOf(place.referrers(descriptor.digest))),
      byDigest(expected.map(referrerEntry)),
    );
    for (const { descriptor } of expected) await readWhole(place, descriptor.digest);
  }
  for (const tag of tags) await readWhole(place, tag);
}

async function readWhole({ manifests, blobs }: Repository, reference: string): Promise<void> {
  const { body } = await manifests.get(reference);
  if (body.kind !== 'image') return;
  for (const { digest } of [body.config, ...body.layers])
    assert.notEqual(await blobs.stat(digest), undefined);
}

function byDigest(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}
