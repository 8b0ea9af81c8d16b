import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { parseDigest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import {
  blobOf,
  emptyConfig,
  failsWith,
  give,
  imageOf,
  indexOf,
  listOf,
  read,
} from '../testing/contract/sample.ts';
import {
  checkBlobs,
  checkBytes,
  checkStanding,
  checkTags,
  isServedType,
  neededBlobs,
  refuseCreateOnly,
} from './admission.ts';
import { readOnlyRepository } from './read-only.ts';
import { createUploadMutex } from './upload-mutex.ts';

const layer = blobOf('a layer');
const image = imageOf({ layers: [layer] });

describe('the checks of every store', () => {
  it('bytes with another digest or size than the descriptor names are refused', () => {
    const { descriptor, bytes } = image;
    checkBytes({ descriptor, bytes });
    const digest = digestOf(new Uint8Array(1));
    assert.throws(() => checkBytes({ descriptor: { ...descriptor, digest }, bytes }), {
      code: 'DIGEST_INVALID',
    });
    assert.throws(() => checkBytes({ descriptor: { ...descriptor, size: 1 }, bytes }), {
      code: 'SIZE_INVALID',
      expected: 1,
      actual: bytes.byteLength,
    });
    const unknown = parseDigest(`sha384:${'0'.repeat(96)}`);
    assert.throws(() => checkBytes({ descriptor: { ...descriptor, digest: unknown }, bytes }), {
      code: 'UNSUPPORTED',
    });
  });

  it('an image needs its config and layers, except layers that registries may not distribute', () => {
    const { body } = image;
    assert(body.kind === 'image');
    const foreign = { ...layer.descriptor, mediaType: MediaType.dockerForeignLayer };
    const needed = neededBlobs({ ...body, layers: [...body.layers, foreign] });
    assert.deepEqual(
      needed.map(({ digest }) => digest),
      [emptyConfig.descriptor.digest, layer.descriptor.digest],
    );
    assert.deepEqual(neededBlobs(indexOf([image.descriptor]).body), []);
  });

  it('the first missing blob is named, unless the image may be sparse', async () => {
    const { blobs } = createMemoryRegistry().repository('app');
    await blobs.write(emptyConfig.descriptor, emptyConfig.content);
    await assert.rejects(checkBlobs(image, blobs), (error: Error) => {
      return (
        error.message.includes(layer.descriptor.digest) && error.message.includes(image.descriptor.digest)
      );
    });
    await failsWith(checkBlobs(image, blobs), 'MANIFEST_BLOB_UNKNOWN');
    await checkBlobs(image, blobs, { sparse: true });
    await checkBlobs(indexOf([image.descriptor]), blobs);
  });

  it('a put that may change nothing is refused for a moved tag and for another type', () => {
    const same = { ...image.descriptor, mediaType: 'application/vnd.acme.thing.v1+json' };
    const { mediaType: _, ...untyped } = image.body;
    const document = {
      descriptor: image.descriptor,
      body: { ...untyped, kind: 'image' } as typeof image.body,
    };
    const state = { name: 'app', same: undefined, taken: undefined };
    checkStanding({ ...state, taken: 'v1' }, image, {});
    assert.throws(() => checkStanding({ ...state, taken: 'v1' }, image, { createOnly: true }), {
      code: 'DENIED',
    });
    assert.throws(() => checkStanding({ ...state, same }, document, {}), { code: 'MANIFEST_INVALID' });
    assert.throws(() => checkStanding({ ...state, same }, document, { createOnly: true }), {
      code: 'DENIED',
    });
    // The document names its own type, so the stored one is damage.
    checkStanding({ ...state, same }, image, { createOnly: true });
    checkStanding({ ...state, same: { ...same, mediaType: 'text/html' } }, document, {});
    checkStanding({ ...state, same: image.descriptor }, document, { createOnly: true });
  });

  it('a type that a browser would render is never served', () => {
    for (const type of ['text/html', 'application/xhtml+xml', 'image/svg+xml', 'application/x+json; a=b', ''])
      assert.equal(isServedType(type), false, type);
    for (const type of [
      MediaType.ociManifest,
      MediaType.dockerManifest,
      'application/vnd.acme.thing.v1+json',
    ])
      assert.equal(isServedType(type), true, type);
  });

  it('a text that is no tag is refused before anything is written, and a place without one step refuses createOnly', () => {
    checkTags(['v1', '_', 'x'.repeat(128)]);
    for (const tag of ['', '.v1', '-v1', 'a/b', 'a:b', 'x'.repeat(129), 'ä'])
      assert.throws(() => checkTags(['v1', tag]), { code: 'INVALID_REFERENCE' }, tag);
    refuseCreateOnly('a layout', {});
    assert.throws(() => refuseCreateOnly('a layout', { createOnly: true }), { code: 'UNSUPPORTED' });
  });
});

describe('a place that can only be read', () => {
  it('every change of a read-only place is UNSUPPORTED, and reading works', async () => {
    const inner = createMemoryRegistry().repository('app');
    await give(inner, emptyConfig, layer);
    await inner.manifests.put(image, { tags: ['v1'] });
    let disposed = 0;
    const place = readOnlyRepository({ ...inner, dispose: async () => void disposed++ });
    const { blobs, manifests, tags } = place;
    const { digest } = layer.descriptor;
    const changes: readonly (() => Promise<unknown>)[] = [
      () => blobs.write(layer.descriptor, layer.content),
      () => blobs.ingest(layer.content),
      () => blobs.start(),
      () => blobs.resume('an id'),
      () => blobs.delete(digest),
      () => manifests.put(image),
      () => manifests.delete(image.descriptor.digest),
      () => tags.delete('v1'),
    ];
    for (const change of changes) await failsWith(change(), 'UNSUPPORTED');
    assert.equal(await blobs.mount(digest), undefined);
    await place.commit();
    assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
    assert.deepEqual(await listOf(tags.list()), ['v1']);
    assert.deepEqual(['locate' in blobs, 'statToRead' in blobs], [false, false]);
    await place[Symbol.asyncDispose]();
    assert.equal(disposed, 1);
  });
});

describe('the mutex of an upload session', () => {
  it('calls run in order, a failed one stops no other, and the session is busy until the last one ends', async () => {
    const mutex = createUploadMutex('an id');
    const seen: number[] = [];
    const broken = new Error('the second broke');
    const runs = [0, 1, 2].map((n) =>
      mutex.run(async () => {
        assert.equal(seen.push(n), n + 1);
        if (n === 1) throw broken;
        await Promise.resolve();
        return n;
      }),
    );
    assert.equal(mutex.isBusy(), true);
    const results = await Promise.allSettled(runs);
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason)),
      [0, broken, 2],
    );
    assert.deepEqual([seen, mutex.isBusy()], [[0, 1, 2], false]);
  });

  it('an upload in memory keeps the bytes of an append that broke off, and none after its end', async () => {
    const { blobs } = createMemoryRegistry().repository('app');
    const upload = await blobs.start();
    const broken = new Error('the source broke');
    const breaking = {
      replayable: false,
      async *open(): AsyncIterable<Uint8Array> {
        yield layer.bytes.subarray(0, 3);
        throw broken;
      },
    };
    await assert.rejects(upload.append(breaking), (error) => error === broken);
    assert.equal(upload.offset, 3);
    const rest = bytesContent(layer.bytes.subarray(3));
    assert.deepEqual(await upload.commit(layer.descriptor.digest, rest), layer.descriptor);
    await failsWith(upload.append(rest), 'BLOB_UPLOAD_UNKNOWN');
    await failsWith(blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
    await upload.cancel();
    assert.deepEqual(await read(blobs.open(layer.descriptor)), layer.bytes);
    assert(upload.open !== undefined);
    assert.deepEqual(await listOf(upload.open()), []);
  });
});
