import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { drain } from '../../src/flow/collect.ts';
import type { Content } from '../../src/flow/content.ts';
import { createLayer, type Layer } from '../../src/image/layer.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, brokenContent, give } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { limits, refusing } from './habits.ts';
import { assertThere, chunks, sample } from './scene.ts';
import { answering, host, jumpingClock, kindsOf, wire } from './wire.ts';

/** `writeLayer` in the form of the seed's client. */

const repository = `${host}/app`;
const layer = createLayer(sample.content, { mediaType: 'application/vnd.acme.weights' });

/** A layer that no test may read. */
const unread: Layer = createLayer(
  brokenContent(sample.bytes, 0, () => assert.fail('opened')),
  {
    descriptor: { ...sample.descriptor, mediaType: MediaType.ociLayer },
    origin: { registry: host, repository: 'base' },
  },
);

interface Seen {
  readonly sent: number;
  readonly acknowledged: number;
}

async function write(client: Client, written: Layer) {
  const seen: Seen[] = [];
  const { outcome } = await client.writeLayer({
    repository,
    layer: written,
    onProgress: (progress) => seen.push(progress),
  });
  return { outcome, seen };
}

const mebibyte = 1024 * 1024;

/** Returns bytes that nothing stores or checks. Only their chunks matter. */
function zeros(size: number): Content {
  const block = new Uint8Array(mebibyte);
  return {
    size,
    replayable: true,
    async *open({ from = 0, to = size } = {}) {
      for (let at = from; at < to; at += mebibyte) yield block.subarray(0, Math.min(mebibyte, to - at));
    },
  };
}

/** Receives all bytes and drops them. */
const sink: Middleware = answering(['upload.append', 'upload.commit'], async ({ url, body }) => {
  if (body !== undefined) await drain(body.open());
  return url.includes('digest=') ? answer(201) : answer(202, { location: [url] });
});

describe('a layer alone', () => {
  // id: write-layer-existing
  it('a layer that exists moves no byte, and its progress is complete at once', async () => {
    const wired = wire();
    await give(wired.at().repository('app'), sample);
    const { outcome, seen } = await write(wired.client(), unread);
    assert.equal(outcome, 'existed');
    assert.deepEqual(seen, [{ sent: 0, acknowledged: 25, moved: 25 }]);
    assert.deepEqual(kindsOf(wired.asked), ['blob.head']);
  });

  // id: write-layer-mounted
  it('a layer in another repository of its registry is mounted from there, and its progress is complete at once', async () => {
    const wired = wire();
    await give(wired.at().repository('base'), sample);
    const { outcome, seen } = await write(wired.client(), unread);
    assert.equal(outcome, 'mounted');
    assert.deepEqual(seen, [{ sent: 0, acknowledged: 25, moved: 25 }]);
    assert.deepEqual(kindsOf(wired.asked), ['blob.head', 'upload.mount']);
    assert.deepEqual(wired.asked[0]?.scopes, ['repository:app:pull,push', 'repository:base:pull']);
  });

  // id: single-new-layer
  it('a new layer is sent without a manifest', async () => {
    const wired = wire();
    const { outcome, seen } = await write(wired.client(), layer);
    assert.equal(outcome, 'uploaded');
    assert.deepEqual(seen.at(-1), { sent: 25, acknowledged: 25, moved: 25 });
    assert.deepEqual(kindsOf(wired.asked), ['blob.head', 'upload.mount', 'upload.commit']);
    await assertThere(wired);
  });

  for (const [mebibytes, ranges] of [
    [128, [undefined]],
    [129, [`0-${96 * mebibyte - 1}`, `${96 * mebibyte}-${129 * mebibyte - 1}`]],
  ] as const) {
    // id: default-chunk-size
    it(`a layer of ${mebibytes} MiB goes in ${ranges.length} chunks of at most 96 MiB, which only one over 128 MiB needs`, async () => {
      const wired = wire(sink);
      const size = mebibytes * mebibyte;
      const descriptor = { ...blobOf(String(size)).descriptor, mediaType: MediaType.ociLayer, size };
      await wired.client().writeLayer({ repository, layer: createLayer(zeros(size), { descriptor }) });
      assert.deepEqual(
        wired.asked.slice(2).map(({ headers }) => headerValue(headers, 'content-range')),
        ranges,
      );
    });
  }

  // id: write-layer-options
  it('a layer has its own sizes, media type and attempts, which do not affect the next one', async () => {
    const clock = jumpingClock();
    const wired = wire(refusing('upload.append', 503));
    const client = wired.client();
    await client.writeLayer({
      repository,
      layer,
      ...chunks,
      sendMediaType: true,
      retry: { clock, random: () => 0, initial: 77 },
    });
    assert.deepEqual(clock.waits, [77]);
    const first = wired.take();
    assert.deepEqual(first.at(-1)?.headers['oci-layer-media-type'], ['application/vnd.acme.weights']);
    assert.equal(headerValue(first.at(-1)?.headers ?? {}, 'content-range'), '20-24');
    const other = createLayer(blobOf('the next layer, long enough').content);
    await client.writeLayer({ repository, layer: other });
    const last = wired.take().at(-1);
    assert.deepEqual([last?.kind, last?.bytes], ['upload.commit', 27]);
    assert.equal(last?.headers['oci-layer-media-type'], undefined);
  });

  // id: chunk-maximum-wins
  it('larger than the maximum of the registry is cut, though it is under the threshold', async () => {
    const wired = wire(limits({ 'oci-chunk-max-length': ['20'] }));
    await write(wired.client(), layer);
    assert.deepEqual(
      wired.asked.slice(2).map(({ headers }) => headerValue(headers, 'content-range')),
      ['0-19', '20-24'],
    );
    await assertThere(wired);
  });
});
