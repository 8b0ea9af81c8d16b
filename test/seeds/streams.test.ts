import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { CopyEvent } from '../../src/copy/events.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createIndex } from '../../src/image/create-index.ts';
import { createStreamLayer, type StreamLayer } from '../../src/image/stream-layer.ts';
import { failsWith, noise, read } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import { cutting, refuse, refusing } from './habits.ts';
import { imageOf, layerOf } from './images.ts';
import { answering, countsOf, host, kindsOf, wire } from './wire.ts';

/** Layers that can be read once, which the seed's writer can neither retry nor report. */

const name = `${host}/app:1`;
const tar = noise(2500);
/** 0-999, 1000-1999, 2000-2499. */
const upload = { chunkSize: 1000 };

interface Source {
  readonly layer: StreamLayer;
  /** The number of readings, and the number of bytes so far. */
  readonly state: { opened: number; bytes: number };
}

function stream(
  bytes = tar,
  options: Parameters<typeof createStreamLayer>[1] = { compression: 'none' },
): Source {
  const state = { opened: 0, bytes: 0 };
  async function* generated(): AsyncIterable<Uint8Array> {
    state.opened++;
    for (let at = 0; at < bytes.byteLength; at += 100) {
      const part = bytes.subarray(at, at + 100);
      state.bytes += part.byteLength;
      yield part;
    }
  }
  return { layer: createStreamLayer(generated(), options), state };
}

describe('an image with a streaming layer', () => {
  // id: stream-layer-push
  it('a streaming layer is hashed and sent in one pass, before its config and manifest', async () => {
    const wired = wire();
    const { layer, state } = stream();
    const image = imageOf('amd64', layer);
    const { digest } = await wired.client({ upload }).pushImage(name, image);
    assert.deepEqual(state, { opened: 1, bytes: 2500 });
    assert.deepEqual(kindsOf(wired.asked).slice(0, 4), [
      'upload.start',
      'upload.append',
      'upload.append',
      'upload.commit',
    ]);
    assert.deepEqual(countsOf(wired.asked.slice(4)), {
      'manifest.head': 1,
      'blob.head': 2,
      'upload.mount': 1,
      'upload.commit': 1,
      'manifest.put': 1,
    });
    assert.deepEqual(
      wired.asked.slice(1, 4).map(({ headers }) => headerValue(headers, 'content-range')),
      ['0-999', '1000-1999', '2000-2499'],
    );
    const place = wired.at().repository('app');
    const { descriptor, body } = await place.manifests.get('1');
    assert.equal(descriptor.digest, digest);
    assert.ok(body.kind === 'image' && body.layers[0] !== undefined);
    assert.equal(body.layers[0].digest, digestOf(tar));
    assert.deepEqual(await read(place.blobs.open(body.layers[0])), tar);
    assert.deepEqual((await image.config()).rootfs.diff_ids, [digestOf(tar)]);
  });

  it('a streaming layer is compressed on the way', async () => {
    const wired = wire();
    await wired.client({ upload }).pushImage(name, imageOf('amd64', stream(tar, {}).layer));
    const place = wired.at().repository('app');
    const { body } = await place.manifests.get('1');
    assert.ok(body.kind === 'image' && body.layers[0] !== undefined);
    assert.deepEqual(new Uint8Array(gunzipSync(await read(place.blobs.open(body.layers[0])))), tar);
  });

  // id: stream-chunk-resent
  it('only the broken chunk of a streaming layer is sent again, and the source is read once', async () => {
    const wired = wire(cutting('upload.append', 400, 1));
    const { layer, state } = stream();
    await wired.client({ upload }).pushImage(name, imageOf('amd64', layer));
    assert.deepEqual(state, { opened: 1, bytes: 2500 });
    const appends = wired.asked.filter(({ kind }) => kind === 'upload.append');
    assert.deepEqual(
      appends.map(({ headers }) => headerValue(headers, 'content-range')),
      ['0-999', '1000-1999', '1400-1999'],
    );
    const place = wired.at().repository('app');
    assert.equal((await place.blobs.stat(digestOf(tar)))?.size, 2500);
  });

  // id: stream-progress
  it('the progress of a streaming layer never goes back, and is complete at the end', async () => {
    const wired = wire(refusing('upload.append', 503));
    const events: CopyEvent[] = [];
    const image = imageOf('amd64', stream().layer, layerOf('known'));
    await wired.client({ upload }).pushImage(name, image, { onEvent: (event) => events.push(event) });
    const complete = events.flatMap((event) => (event.kind === 'progress' ? [event.complete] : []));
    assert.deepEqual(
      complete,
      complete.toSorted((a, b) => a - b),
    );
    for (const step of [1000, 2000, 2500]) assert.ok(complete.includes(step));
    const blobs = events.filter((event) => event.kind === 'blob' && event.outcome === 'uploaded');
    assert.equal(blobs.length, 3);
    const size = 2500 + 'known'.length + (await image.rawConfig()).byteLength;
    // gantry sent the first chunk twice.
    assert.deepEqual(events.at(-1), {
      kind: 'end',
      moved: size,
      complete: size,
      sent: size + 1000,
      total: size,
    });
  });

  // id: stream-memory
  it('gantry keeps at most one chunk of a streaming layer', async () => {
    const { layer, state } = stream(noise(50_000));
    let ahead = 0;
    let acknowledged = 0;
    const wired = wire(
      answering(['upload.append'], async (request, next) => {
        const response = await next(request);
        acknowledged += request.body?.size ?? 0;
        return response;
      }),
      answering(['upload.append'], () => {
        ahead = Math.max(ahead, state.bytes - acknowledged);
        return undefined;
      }),
    );
    await wired.client({ upload }).pushImage(name, imageOf('amd64', layer));
    // The chunk, and the piece that showed that it is not the last.
    assert.ok(ahead <= 1100, `${ahead} bytes were ahead`);
  });

  // id: stream-layer-shared
  it('a streaming layer of several images is read once', async () => {
    const wired = wire();
    const { layer, state } = stream();
    const index = createIndex(['amd64', 'arm64'].map((one) => ({ image: imageOf(one, layer, layer) })));
    await wired.client({ upload }).pushIndex(name, index);
    assert.equal(state.opened, 1);
    assert.equal(countsOf(wired.asked)['upload.start'], 1);
  });

  for (const status of [400, 416]) {
    // id: stream-first-chunk-refused
    it(`a streaming layer is sent without chunks when the registry answers the first one with ${status}`, async () => {
      const wired = wire(
        answering(['upload.append'], ({ headers }) =>
          headerValue(headers, 'content-range') === undefined ? undefined : refuse(status),
        ),
      );
      const { layer, state } = stream();
      await wired.client({ upload }).pushImage(name, imageOf('amd64', layer));
      assert.equal(state.opened, 1);
      assert.equal((await wired.at().repository('app').blobs.stat(digestOf(tar)))?.size, 2500);
    });
  }

  it('a failing streaming layer ends the push with its error: no tag, no session', async () => {
    const failure = new Error('the pipe broke');
    async function* broken(): AsyncIterable<Uint8Array> {
      yield tar;
      throw failure;
    }
    const wired = wire();
    const events: CopyEvent[] = [];
    const image = imageOf('amd64', createStreamLayer(broken(), { compression: 'none' }), stream().layer);
    await assert.rejects(
      wired.client({ upload }).pushImage(name, image, { onEvent: (event) => events.push(event) }),
      (error) => error === failure,
    );
    const last = events.at(-1);
    assert.ok(last?.kind === 'end' && last.error === failure);
    assert.equal(countsOf(wired.asked)['manifest.put'], undefined);
    assert.ok(kindsOf(wired.asked).includes('upload.cancel'));
  });

  it('a pushed streaming layer cannot be pushed again', async () => {
    const wired = wire();
    const image = imageOf('amd64', stream().layer);
    const client = wired.client({ upload });
    await client.pushImage(name, image);
    await failsWith(client.pushImage(name, image), 'INVALID_OPTION');
  });
});

describe('a streaming layer alone', () => {
  // id: stream-result
  it('a streaming layer reports its digest and size, and its type with the commit if that is asked for', async () => {
    const wired = wire();
    const { layer } = stream(tar, { compression: 'none', mediaType: 'application/vnd.acme.weights' });
    const { descriptor, outcome } = await wired
      .client()
      .writeLayer({ repository: `${host}/app`, layer, ...upload, sendMediaType: true });
    assert.equal(outcome, 'uploaded');
    assert.deepEqual(descriptor, {
      mediaType: 'application/vnd.acme.weights',
      digest: digestOf(tar),
      size: 2500,
    });
    const types = wired.asked.map(({ headers }) => headerValue(headers, 'oci-layer-media-type'));
    assert.deepEqual(types, [undefined, undefined, undefined, 'application/vnd.acme.weights']);
  });
});
