import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Descriptor } from './descriptor.ts';
import { parseDigest } from './digest.ts';
import { blobsOf, children, isAttestationOf, type ManifestBody, manifestsOf } from './manifest.ts';
import { MediaType } from './media-type.ts';

const config = descriptor('a', MediaType.ociConfig);
const layer = descriptor('b', MediaType.ociLayerGzip);
const subject = descriptor('c', MediaType.ociManifest);
const child = descriptor('d', MediaType.ociManifest);

describe('children and blobsOf', () => {
  const rows: readonly (readonly [
    name: string,
    body: ManifestBody,
    blobs: readonly Descriptor[],
    manifests: readonly Descriptor[],
  ])[] = [
    [
      'an image names its config and layers, and its subject is no child',
      { kind: 'image', schemaVersion: 2, config, layers: [layer, layer], subject },
      [config, layer, layer],
      [],
    ],
    [
      'an index names its manifests, and its subject is no child',
      { kind: 'index', schemaVersion: 2, manifests: [child], subject },
      [],
      [child],
    ],
    [
      'a withdrawn artifact manifest names its blobs',
      { kind: 'unknown', mediaType: MediaType.ociArtifact, blobs: [layer] },
      [layer],
      [],
    ],
    ['an unknown kind names nothing', { kind: 'unknown', schemaVersion: 1 }, [], []],
  ];
  for (const [name, body, blobs, manifests] of rows) {
    test(name, () => {
      assert.deepEqual(blobsOf(body), blobs);
      assert.deepEqual(manifestsOf(body), manifests);
      assert.deepEqual(children(body), [...blobs, ...manifests]);
    });
  }
});

describe('isAttestationOf', () => {
  test('an attestation names its image', () => {
    assert.equal(isAttestationOf(about(config), new Set([config.digest])), true);
    assert.equal(isAttestationOf(about(config), new Set([layer.digest])), false);
  });

  test('an image without annotations is no attestation', () => {
    assert.equal(isAttestationOf(child, new Set([child.digest])), false);
  });

  test('a child with another reference type is no attestation', () => {
    const annotations = { ...about(config).annotations, 'vnd.docker.reference.type': 'other' };
    assert.equal(isAttestationOf({ ...child, annotations }, new Set([config.digest])), false);
  });
});

function about(image: Descriptor): Descriptor {
  return {
    ...child,
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image.digest,
    },
  };
}

function descriptor(digit: string, mediaType: string): Descriptor {
  return { mediaType, digest: parseDigest(`sha256:${digit.repeat(64)}`), size: 1 };
}
