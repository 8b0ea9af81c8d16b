import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import { digestOf } from '../flow/hash.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { MediaType } from '../spec/media-type.ts';
import { blobOf, failsWith, noise, read } from '../testing/contract/sample.ts';
import { createLayer } from './layer.ts';
import { createStreamLayer, isStreamLayer, type StreamLayerOptions } from './stream-layer.ts';

const tar = noise(10_000);
const place = () => createMemoryRegistry().repository('app').blobs;

async function* pieces(): AsyncIterable<Uint8Array> {
  // One buffer for all chunks, as the contract of Content allows.
  const buffer = Buffer.alloc(1000);
  for (let at = 0; at < tar.byteLength; at += 1000) {
    buffer.set(tar.subarray(at, at + 1000));
    yield buffer;
  }
}

const rows: readonly {
  readonly name: string;
  readonly options?: StreamLayerOptions;
  readonly mediaType: string;
  readonly unpack: (bytes: Uint8Array) => Uint8Array;
}[] = [
  { name: 'is gzipped', mediaType: MediaType.ociLayerGzip, unpack: zlib.gunzipSync },
  {
    name: 'is gzipped at the highest level',
    options: { level: 9 },
    mediaType: MediaType.ociLayerGzip,
    unpack: zlib.gunzipSync,
  },
  {
    name: 'stays a tar',
    options: { compression: 'none' },
    mediaType: MediaType.ociLayer,
    unpack: (bytes) => bytes,
  },
  {
    name: 'has the given type',
    options: { compression: 'none', mediaType: 'application/vnd.acme' },
    mediaType: 'application/vnd.acme',
    unpack: (bytes) => bytes,
  },
];

describe('a streaming layer', () => {
  for (const { name, options, mediaType, unpack } of rows) {
    // id: stream-layer-one-pass
    it(`a streaming layer ${name}, and is hashed and stored in one pass`, async () => {
      const blobs = place();
      const layer = createStreamLayer(pieces(), options);
      assert.equal(layer.mediaType, mediaType);
      const descriptor = await layer.ingest(blobs);
      const stored = await read(blobs.open(descriptor));
      assert.deepEqual(descriptor, { mediaType, digest: digestOf(stored), size: stored.byteLength });
      assert.deepEqual(new Uint8Array(unpack(stored)), tar);
      assert.deepEqual(await layer.descriptor(), descriptor);
      assert.equal(await layer.diffId(), digestOf(tar));
    });
  }

  it('a streaming layer is compressed with zstd, or refused on a runtime without zstd', async () => {
    const blobs = place();
    const layer = createStreamLayer(pieces(), { compression: 'zstd' });
    assert.equal(layer.mediaType, MediaType.ociLayerZstd);
    if (!('createZstdCompress' in zlib)) return failsWith(layer.ingest(blobs), 'UNSUPPORTED');
    const stored = createLayer(blobs.open(await layer.ingest(blobs)));
    assert.deepEqual(await read(stored.uncompressed()), tar);
  });

  it('a streaming layer has no digest before its push', async () => {
    const layer = createStreamLayer(pieces());
    await failsWith(layer.descriptor(), 'UNSUPPORTED');
    await failsWith(layer.diffId(), 'UNSUPPORTED');
    for (const content of [layer.compressed(), layer.uncompressed()]) {
      assert.equal(content.replayable, false);
      assert.throws(() => content.open(), { code: 'UNSUPPORTED' });
    }
  });

  it('a streaming layer is read once, even if the push failed', async () => {
    const blobs = place();
    const layer = createStreamLayer(pieces());
    const signal = AbortSignal.abort('stop');
    await assert.rejects(layer.ingest(blobs, { signal }), (error) => error === 'stop');
    await failsWith(layer.ingest(blobs), 'INVALID_OPTION');
    await failsWith(layer.descriptor(), 'UNSUPPORTED');
  });

  it('isStreamLayer distinguishes a streaming layer from a replayable one', () => {
    assert.equal(isStreamLayer(createStreamLayer(pieces())), true);
    assert.equal(isStreamLayer(createLayer(blobOf('x').content)), false);
  });
});
