import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../flow/hash.ts';
import { encodeManifest, parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { MediaType } from '../spec/media-type.ts';
import { blobOf, give, read } from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';

describe('copyImage of a withdrawn artifact manifest', () => {
  for (const mediaType of [MediaType.ociArtifact, MediaType.orasArtifact]) {
    it(`a copy of an artifact manifest includes the blobs of ${mediaType}`, async () => {
      const from = createMemoryRegistry().repository('from');
      const to = createMemoryRegistry().repository('to');
      const blobs = [blobOf('one'), blobOf('two'), blobOf('one')];
      await give(from, ...blobs);
      const bytes = encodeManifest({
        mediaType,
        artifactType: 'application/x',
        blobs: blobs.map(({ descriptor }) => descriptor),
      });
      const manifest = parseManifest(bytes, { digest: digestOf(bytes) });
      await from.manifests.put(manifest, { tags: ['1'] });
      assert.deepEqual(await copyImage(from, '1', to, { tags: ['1'] }), manifest.descriptor);
      for (const { descriptor, bytes: expected } of blobs) {
        assert.deepEqual(await read(to.blobs.open(descriptor)), expected);
      }
    });
  }
});
