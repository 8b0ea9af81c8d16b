import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import * as zlib from 'node:zlib';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { drain } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createLayer } from '../../src/image/layer.ts';
import { validate } from '../../src/image/validate.ts';
import { manifestLimit, parseManifest } from '../../src/json/manifest.ts';
import { parseJson } from '../../src/json/parse.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { type Digest, parseDigest } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, give, giveImage, indexOf, listOf, read } from '../../src/testing/contract/sample.ts';
import type { HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { listening } from '../listening.ts';
import {
  alice,
  clientOf,
  codeOf,
  home,
  net,
  registry,
  reply,
  served,
  wantsToken,
  withTokens,
} from './net.ts';

/** Endless input: rows C13, C14, C19 and C21 of protocol.md §5.1. */

const asDigest = (byte: string): Digest => parseDigest(`sha256:${byte.repeat(64)}`);

/** Makes a response with an endless body, and counts the bytes that the client reads. */
function endless(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  piece = 'x'.repeat(64 * 1024),
) {
  const taken = { bytes: 0, open: 0 };
  const answer = (): HttpResponse => ({
    ...reply(status, headers),
    body: (async function* () {
      taken.open++;
      try {
        for (;;) {
          const bytes = new TextEncoder().encode(piece);
          taken.bytes += bytes.byteLength;
          yield bytes;
        }
      } finally {
        taken.open--;
      }
    })(),
  });
  return { answer, taken };
}

const mebibyte = 2 ** 20;

describe('C13 an answer without end', () => {
  const ask: readonly (readonly [
    what: string,
    use: (client: Client) => Promise<unknown>,
    headers: Readonly<Record<string, string>>,
    code: string,
    most: number,
  ])[] = [
    [
      'for a manifest',
      (client) => client.getManifest(`${registry}/app:1`),
      { 'content-type': MediaType.ociManifest },
      'TOO_LARGE',
      2 * manifestLimit,
    ],
    ['for tags', (client) => listOf(client.tags(`${registry}/app`)), {}, 'UNEXPECTED_ANSWER', mebibyte],
    ['for a catalog', (client) => listOf(client.catalog(registry)), {}, 'UNEXPECTED_ANSWER', mebibyte],
    [
      'for referrers',
      (client) => listOf(client.referrers(`${registry}/app@${asDigest('a')}`)),
      { 'content-type': MediaType.ociIndex },
      'TOO_LARGE',
      40 * mebibyte,
    ],
  ];
  for (const [what, use, headers, code, most] of ask) {
    it(`C13 ${what} is given up`, async (test) => {
      const { answer, taken } = endless(200, headers);
      const client = clientOf(test, net({ [home]: async () => answer() }));
      assert.equal(await codeOf(use(client)), code);
      assert.ok(taken.bytes <= most, String(taken.bytes));
      assert.equal(taken.open, 0);
    });
  }

  for (const status of [400, 403, 404, 416, 429, 500, 503]) {
    for (const type of ['application/json', 'text/html', 'image/png', '']) {
      it(`C13 with status ${status} of type ${JSON.stringify(type)} is cut, and the status is the error`, async (test) => {
        const { answer, taken } = endless(status, type === '' ? {} : { 'content-type': type }, '{"errors":[');
        const client = clientOf(test, net({ [home]: async () => answer() }));
        const error: unknown = await client
          .getManifest(`${registry}/app:1`)
          .catch((reason: unknown) => reason);
        assert.ok(isGantryError(error), String(error));
        assert.equal(error.response?.status, status);
        assert.ok(taken.bytes <= mebibyte, String(taken.bytes));
        assert.equal(taken.open, 0);
      });
    }
  }

  it('C13 of a token service is given up', async (test) => {
    const { answer, taken } = endless(200);
    const guarded = withTokens(async () => answer())(wantsToken(`${home}/token`)(async () => reply(200)));
    const client = clientOf(test, net({ [home]: guarded }));
    assert.notEqual(await codeOf(client.getManifest(`${registry}/app:1`)), undefined);
    assert.ok(taken.bytes <= mebibyte, String(taken.bytes));
  });

  it('C13 that says no length, or a false one, takes no more memory than what came', async (test) => {
    for (const length of [String(2 ** 53 - 1), '9'.repeat(30), '-1', 'x']) {
      const headers = { 'content-type': MediaType.ociManifest, 'content-length': length };
      const hosts = net({ [home]: async () => reply(200, headers, '{}') });
      assert.notEqual(await codeOf(clientOf(test, hosts).getManifest(`${registry}/app:1`)), undefined);
    }
  });
});

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('C13 JSON', () => {
  const descriptor = { mediaType: MediaType.ociConfig, digest: asDigest('a'), size: 1 };
  const sized = (size: string): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: descriptor,
      layers: [],
    }).replace('"size":1', `"size":${size}`);
  for (const [what, text] of [
    ['nested a million deep, lists', '['.repeat(1_000_000)],
    ['nested a million deep, objects', '{"a":'.repeat(500_000)],
    ['nested 65 deep', `${'['.repeat(65)}${']'.repeat(65)}`],
    ['cut off', '{"a":'],
    ['with a byte order mark', '\ufeff{}'],
  ] as const) {
    it(`C13 ${what} is refused`, () => {
      assert.throws(() => parseJson(bytesOf(text), { what: 'it' }), { code: 'MANIFEST_INVALID' });
    });
  }

  for (const size of ['9007199254740992', '1e300', '-1', '1.5', '18446744073709551616', '"1"', 'null']) {
    it(`C13 with a size of ${size} is refused`, () => {
      assert.throws(() => parseManifest(bytesOf(sized(size)), { digest: asDigest('b') }), {
        code: 'MANIFEST_INVALID',
      });
    });
  }

  it('C13 over its limit is refused before it is read', () => {
    assert.throws(() => parseManifest(new Uint8Array(manifestLimit + 1), { digest: asDigest('b') }), {
      code: 'TOO_LARGE',
    });
  });
});

/** Makes indexes one over another, the lowest over an image. */
async function tower(levels: number, width = 1): Promise<{ send: Send; top: Manifest }> {
  const store = createMemoryRegistry();
  const { manifests } = store.repository('app');
  let top: Manifest = await giveImage(store.repository('app'));
  for (let level = 0; level < levels; level++) {
    // Each entry has its own annotations, since equal entries would be easier to detect.
    const entries = Array.from({ length: width }, (_, at) => ({
      ...top.descriptor,
      annotations: { at: `${at}` },
    }));
    top = indexOf(entries, { annotations: { level: `${level}` } });
    await manifests.put(top);
  }
  await manifests.put(top, { tags: ['1'] });
  return { send: served(store), top };
}

describe('C13 indexes in indexes', () => {
  it('C13 without end are not copied', async (test) => {
    const { send } = await tower(20);
    const client = clientOf(test, net({ [home]: send, 'https://to.example': served() }));
    assert.equal(await codeOf(client.copy(`${registry}/app:1`, 'to.example/app:1')), 'MANIFEST_INVALID');
  });

  it('C13 without end are a problem, not a task, where an image is validated', async (test) => {
    const { send } = await tower(20);
    const hosts = net({ [home]: send });
    const findings = await listOf(clientOf(test, hosts).validate(`${registry}/app:1`));
    assert.ok(findings.some(({ problem }) => problem !== undefined));
    assert.ok(hosts.asked.length < 40, String(hosts.asked.length));
  });

  it('C13 that multiply are each read once: 50 to the power of 6 are 7', async (test) => {
    const { send } = await tower(6, 50);
    const hosts = net({ [home]: send, 'https://to.example': served() });
    const client = clientOf(test, hosts);
    await listOf(client.validate(`${registry}/app:1`));
    await client.copy(`${registry}/app:1`, 'to.example/app:1');
    assert.ok(hosts.asked.length < 100, String(hosts.asked.length));
  });
});

describe('C13 referrers', () => {
  it('C13 of referrers without end are given up', async (test) => {
    let number = 0;
    const hosts = net({
      [home]: async () => {
        const digest = parseDigest(`sha256:${String(++number).padStart(64, '0')}`);
        const entry = { mediaType: MediaType.ociManifest, digest, size: 1 };
        return reply(
          200,
          { 'content-type': MediaType.ociIndex },
          JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [entry] }),
        );
      },
    });
    const client = clientOf(test, hosts);
    assert.notEqual(await codeOf(client.referrerTree(`${registry}/app@${asDigest('a')}`)), undefined);
    assert.ok(number < 1000, String(number));
  });

  it('C13 on pages without end are given up', async (test) => {
    let page = 0;
    const hosts = net({
      [home]: async () =>
        reply(
          200,
          { 'content-type': MediaType.ociIndex, link: `</v2/app/referrers/x?p=${++page}>; rel="next"` },
          '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
        ),
    });
    const client = clientOf(test, hosts);
    assert.equal(
      await codeOf(listOf(client.referrers(`${registry}/app@${asDigest('a')}`))),
      'UNEXPECTED_ANSWER',
    );
    assert.ok(page < 3000, String(page));
  });
});

/**
 * Starts a server that sends these bytes to each connection. With `then` it continues as long as the client listens.
 */
async function speaks(test: TestContext, first: string, then?: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write(first);
      then?.(socket);
    });
  });
  return `127.0.0.1:${await listening(test, server)}`;
}

function openClient(test: TestContext, options: ClientOptions = {}): Client {
  const client = createClient({ keychain: async () => undefined, retry: { attempts: 1 }, ...options });
  atEnd(test, () => client[Symbol.asyncDispose]());
  return client;
}

const flood = (socket: Socket): void => {
  const more = (): void => {
    while (!socket.destroyed && socket.write(`x-${'a'.repeat(1000)}: ${'b'.repeat(8000)}\r\n`));
  };
  socket.on('drain', more);
  more();
};

const answers = (kibibytes: number): string =>
  `HTTP/1.1 404 Not Found\r\nx-much: ${'a'.repeat(kibibytes * 1024)}\r\ncontent-length: 0\r\n\r\n`;

describe('C13 a server over a socket', () => {
  it('C13 that floods us with headers is not listened to', async (test) => {
    const host = await speaks(test, 'HTTP/1.1 200 OK\r\n', flood);
    assert.equal(await codeOf(openClient(test).getManifest(`${host}/app:1`)), 'NO_CONNECTION');
  });

  it('C13 that answers with 129 KiB of headers is refused, and with 100 KiB is heard', async (test) => {
    const codes = [];
    for (const size of [129, 100]) {
      const host = await speaks(test, answers(size));
      codes.push(await codeOf(openClient(test).getManifest(`${host}/app:1`)));
    }
    assert.deepEqual(codes, ['NO_CONNECTION', 'MANIFEST_UNKNOWN']);
  });

  it('C13 that says nothing, or a letter at a time, is left', async (test) => {
    const timeouts = { answer: 200, progress: 200 };
    const silent = await speaks(test, '');
    assert.equal(await codeOf(openClient(test, { timeouts }).getManifest(`${silent}/app:1`)), 'TIMED_OUT');
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-type: application/json\r\n\r\n{';
    const stalled = await speaks(test, head);
    assert.equal(await codeOf(openClient(test, { timeouts }).getManifest(`${stalled}/app:1`)), 'STALLED');
  });
});

const zipped =
  (bytes: Uint8Array): Middleware =>
  () =>
  async () =>
    reply(200, { 'content-encoding': 'gzip' }, bytes);

describe('C14 a decompression bomb', () => {
  const zeros = new Uint8Array(16 * mebibyte);
  const limits = { free: mebibyte, ratio: 100 };
  const gzip = zlib.gzipSync(zeros);
  const forms: (readonly [name: string, bomb: Uint8Array, skip: string | false])[] = [
    ['gzip', gzip, false],
    [
      'gzip of many members',
      Buffer.concat(Array.from({ length: 50 }, () => zlib.gzipSync(new Uint8Array(mebibyte)))),
      false,
    ],
  ];
  const zstd: unknown = Reflect.get(zlib, 'zstdCompressSync');
  forms.push([
    'zstd',
    typeof zstd === 'function' ? zstd(zeros) : gzip,
    typeof zstd === 'function' ? false : 'this Node has no zstd',
  ]);
  for (const [name, bomb, skip] of forms) {
    it(`C14 of ${name} is TOO_LARGE, by its ratio and by what comes out, and is read no further`, {
      skip,
    }, async () => {
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

    it(`C14 of ${name} is a problem of its layer where an image is validated`, { skip }, async () => {
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

  it('C14 is what it is by what went in: as much that was packed less is let through', async () => {
    const layer = createLayer(bytesContent(zlib.gzipSync(zeros, { level: 0 })));
    assert.equal(await drain(layer.uncompressed(limits).open()), zeros.byteLength);
    assert.equal(await drain(createLayer(bytesContent(gzip)).uncompressed().open()), zeros.byteLength);
  });

  it('C14 in the encoding of an answer is not unpacked: what is not the blob is refused', async (test) => {
    const layer = blobOf(zeros.subarray(0, 1000));
    const client = clientOf(test, net({ [home]: served(undefined, zipped(gzip)) }));
    const code = await codeOf(read(client.openBlob(`${registry}/app@${layer.descriptor.digest}`)));
    assert.notEqual(code, undefined);
  });
});

describe('C19 a registry that can not be reached by https', () => {
  it('C19 is not spoken to in the clear, unless asked for', async (test) => {
    const { send, asked } = net({});
    for (const name of ['registry.example', '192.0.2.1', '10.0.0.1', 'registry.example:80']) {
      await codeOf(clientOf(test, { send }).exists(`${name}/app:1`));
    }
    assert.ok(asked.length > 0 && asked.every(({ url }) => url.startsWith('https://')));
  });

  it('C19 is not tried again in the clear when TLS fails, with or without a password', async (test) => {
    const host = await speaks(test, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    const plain: string[] = [];
    const server = createServer((socket) => {
      socket.on('data', (bytes) => plain.push(bytes.toString('latin1'))).on('error', () => undefined);
      socket.once('data', () => socket.end());
    });
    for (const name of [host, `127.0.0.1:${await listening(test, server)}`]) {
      const code = await codeOf(
        openClient(test, { keychain: async () => alice }).exists(`https://${name}/app:1`),
      );
      assert.ok(code === 'NO_CONNECTION' || code === 'CUT_OFF', code);
    }
    assert.ok(
      plain.length > 0 && plain.every((text) => text.charCodeAt(0) === 0x16),
      'something but a TLS hello came',
    );
  });
});

describe('C21 headers', () => {
  const answers: readonly (readonly [what: string, head: string])[] = [
    ['two lengths', 'content-length: 2\r\ncontent-length: 5'],
    ['a length and chunks', 'content-length: 2\r\ntransfer-encoding: chunked'],
    ['a length that is none', 'content-length: 0x2'],
    ['a name with a space', 'content-length : 2'],
    ['a NUL in a value', 'x: a\0b\r\ncontent-length: 2'],
    ['a bare CR', 'x: a\rcontent-length: 5\r\ncontent-length: 2'],
  ];
  for (const [what, head] of answers) {
    it(`C21 with ${what} are no answer`, async (test) => {
      const host = await speaks(
        test,
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${head}\r\n\r\n{}xyz`,
      );
      const code = await codeOf(openClient(test).getManifest(`${host}/app:1`));
      assert.ok(code === 'NO_CONNECTION' || code === 'CUT_OFF', code);
    });
  }

  it('C21 of our own hold no line break: nothing is sent', async (test) => {
    let heard = 0;
    const host = await speaks(test, 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n', () => heard++);
    const bad = 'x\r\nX-Evil: 1';
    for (const options of [{ userAgent: bad }, { headers: { [host]: { 'X-Mine': bad } } }]) {
      await openClient(test, options)
        .exists(`${host}/app:1`)
        .then(
          () => assert.fail('it was sent'),
          () => undefined,
        );
    }
    assert.equal(heard, 0);
  });
});
