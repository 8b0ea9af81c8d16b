import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import { drain } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createLayer } from '../../src/image/layer.ts';
import { validate } from '../../src/image/validate.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, give, listOf, read } from '../../src/testing/contract/sample.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { zstdBomb } from '../zstd.ts';
import { clientOf, codeOf, home, net, registry, reply, served } from './net.ts';

/** Row C14 of protocol.md §5.1. */

const mebibyte = 2 ** 20;

const zipped =
  (bytes: Uint8Array): Middleware =>
  () =>
  async () =>
    reply(200, { 'content-encoding': 'gzip' }, bytes);

describe('a decompression bomb', () => {
  const zeros = new Uint8Array(16 * mebibyte);
  const gzip = zlib.gzipSync(zeros);
  const limits = { free: mebibyte, ratio: 100 };
  const forms: readonly (readonly [name: string, bomb: Uint8Array])[] = [
    ['gzip', gzip],
    [
      'gzip of many members',
      Buffer.concat(Array.from({ length: 50 }, () => zlib.gzipSync(new Uint8Array(mebibyte)))),
    ],
    ['zstd', zstdBomb(16)],
    ['zstd of many frames', Buffer.concat(Array.from({ length: 16 }, () => zstdBomb(1)))],
  ];
  for (const [name, bomb] of forms) {
    it(`C14: a bomb of ${name} is TOO_LARGE by its ratio and by its size, and is read no further`, async () => {
      const layer = createLayer(bytesContent(bomb));
      for (const [limit, most] of [
        [limits, 6 * mebibyte],
        [{ bytes: 3 * mebibyte }, 3 * mebibyte],
      ] as const) {
        let seen = 0;
        const all = async (): Promise<void> => {
          for await (const chunk of layer.uncompressed(limit).open()) seen += chunk.byteLength;
        };
        assert.equal(await codeOf(all()), 'TOO_LARGE');
        assert.ok(seen <= most, `${seen} bytes`);
      }
    });

    it(`C14: a validation reports the layer that is a bomb of ${name}`, async () => {
      const store = createMemoryRegistry().repository('app');
      const layer = blobOf(bomb);
      const config = blobOf(
        JSON.stringify({
          os: 'linux',
          architecture: 'amd64',
          rootfs: { type: 'layers', diff_ids: [digestOf(zeros)] },
        }),
      );
      await give(store, config, layer);
      const body = JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: { ...config.descriptor, mediaType: MediaType.ociConfig },
        layers: [{ ...layer.descriptor, mediaType: MediaType.ociLayerGzip }],
      });
      const bytes = new TextEncoder().encode(body);
      const manifest = parseManifest(bytes, { digest: digestOf(bytes) });
      const problems = await listOf(validate(store, manifest, { unpack: limits }));
      assert.deepEqual(
        problems.map(({ descriptor }) => descriptor.digest),
        [layer.descriptor.digest],
      );
    });
  }

  it('C14: the same bytes pass if they were compressed less, and without a limit', async () => {
    const layer = createLayer(bytesContent(zlib.gzipSync(zeros, { level: 0 })));
    assert.equal(await drain(layer.uncompressed(limits).open()), zeros.byteLength);
    assert.equal(await drain(createLayer(bytesContent(gzip)).uncompressed().open()), zeros.byteLength);
  });

  it('C14: the client does not decompress a Content-Encoding, and refuses the bytes as another blob', async (test) => {
    const layer = blobOf(zeros.subarray(0, 1000));
    const client = clientOf(test, net({ [home]: served(undefined, zipped(gzip)) }));
    const code = await codeOf(read(client.openBlob(`${registry}/app@${layer.descriptor.digest}`)));
    assert.notEqual(code, undefined);
  });
});
