import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { manifestLimit, parseManifest } from '../../src/json/manifest.ts';
import { parseJson } from '../../src/json/parse.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { type Digest, parseDigest } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { giveImage, indexOf, listOf } from '../../src/testing/contract/sample.ts';
import type { HttpResponse, Send } from '../../src/wire/message.ts';
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

/** Responses without bounds and without https: rows C13, C19 and C21 of protocol.md §5.1. */

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

describe('a response without end', () => {
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
    it(`C13: the client stops reading a response without end ${what}`, async (test) => {
      const { answer, taken } = endless(200, headers);
      const client = clientOf(test, net({ [home]: async () => answer() }));
      assert.equal(await codeOf(use(client)), code);
      assert.ok(taken.bytes <= most, String(taken.bytes));
      assert.equal(taken.open, 0);
    });
  }

  for (const status of [400, 403, 404, 416, 429, 500, 503]) {
    for (const type of ['application/json', 'text/html', 'image/png', '']) {
      it(`C13: the client cuts an endless body of status ${status} and type ${JSON.stringify(type)}, and the error has the status`, async (test) => {
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

  it('C13: the client stops reading a response without end of a token service', async (test) => {
    const { answer, taken } = endless(200);
    const guarded = withTokens(async () => answer())(wantsToken(`${home}/token`)(async () => reply(200)));
    const client = clientOf(test, net({ [home]: guarded }));
    assert.notEqual(await codeOf(client.getManifest(`${registry}/app:1`)), undefined);
    assert.ok(taken.bytes <= mebibyte, String(taken.bytes));
  });

  it('C13: the client refuses a response with a false length', async (test) => {
    for (const length of [String(2 ** 53 - 1), '9'.repeat(30), '-1', 'x']) {
      const headers = { 'content-type': MediaType.ociManifest, 'content-length': length };
      const hosts = net({ [home]: async () => reply(200, headers, '{}') });
      assert.notEqual(await codeOf(clientOf(test, hosts).getManifest(`${registry}/app:1`)), undefined);
    }
  });
});

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('JSON without bounds', () => {
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
    it(`C13: JSON ${what} is refused`, () => {
      assert.throws(() => parseJson(bytesOf(text), { what: 'it' }), { code: 'MANIFEST_INVALID' });
    });
  }

  for (const size of ['9007199254740992', '1e300', '-1', '1.5', '18446744073709551616', '"1"', 'null']) {
    it(`C13: a manifest with a size of ${size} is refused`, () => {
      assert.throws(() => parseManifest(bytesOf(sized(size)), { digest: asDigest('b') }), {
        code: 'MANIFEST_INVALID',
      });
    });
  }

  it('C13: a manifest above the limit is refused before it is parsed', () => {
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

describe('indexes in indexes', () => {
  it('C13: a copy refuses indexes that are nested too deeply', async (test) => {
    const { send } = await tower(20);
    const client = clientOf(test, net({ [home]: send, 'https://to.example': served() }));
    assert.equal(await codeOf(client.copy(`${registry}/app:1`, 'to.example/app:1')), 'MANIFEST_INVALID');
  });

  it('C13: a validation reports indexes that are nested too deeply, and does not follow them', async (test) => {
    const { send } = await tower(20);
    const hosts = net({ [home]: send });
    const findings = await listOf(clientOf(test, hosts).validate(`${registry}/app:1`));
    assert.ok(findings.some(({ problem }) => problem !== undefined));
    assert.ok(hosts.asked.length < 40, String(hosts.asked.length));
  });

  it('C13: equal children are read once, so 50 to the power of 6 paths need 7 manifests', async (test) => {
    const { send } = await tower(6, 50);
    const hosts = net({ [home]: send, 'https://to.example': served() });
    const client = clientOf(test, hosts);
    await listOf(client.validate(`${registry}/app:1`));
    await client.copy(`${registry}/app:1`, 'to.example/app:1');
    assert.ok(hosts.asked.length < 100, String(hosts.asked.length));
  });
});

describe('referrers without end', () => {
  it('C13: a tree of referrers without end is an error', async (test) => {
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

  it('C13: a list of referrers on pages without end is an error', async (test) => {
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

describe('a server that floods a client or says nothing', () => {
  it('C13: the client leaves a server that sends headers without end', async (test) => {
    const host = await speaks(test, 'HTTP/1.1 200 OK\r\n', flood);
    assert.equal(await codeOf(openClient(test).getManifest(`${host}/app:1`)), 'NO_CONNECTION');
  });

  it('C13: the client refuses 129 KiB of headers and accepts 100 KiB', async (test) => {
    const codes = [];
    for (const size of [129, 100]) {
      const host = await speaks(test, answers(size));
      codes.push(await codeOf(openClient(test).getManifest(`${host}/app:1`)));
    }
    assert.deepEqual(codes, ['NO_CONNECTION', 'MANIFEST_UNKNOWN']);
  });

  it('C13: the client leaves a server that sends nothing, or stops in the middle', async (test) => {
    const timeouts = { answer: 200, progress: 200 };
    const silent = await speaks(test, '');
    assert.equal(await codeOf(openClient(test, { timeouts }).getManifest(`${silent}/app:1`)), 'TIMED_OUT');
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-type: application/json\r\n\r\n{';
    const stalled = await speaks(test, head);
    assert.equal(await codeOf(openClient(test, { timeouts }).getManifest(`${stalled}/app:1`)), 'STALLED');
  });
});

describe('a registry without https', () => {
  it('C19: the client sends no plain HTTP without permission', async (test) => {
    const { send, asked } = net({});
    for (const name of ['registry.example', '192.0.2.1', '10.0.0.1', 'registry.example:80']) {
      await codeOf(clientOf(test, { send }).exists(`${name}/app:1`));
    }
    assert.ok(asked.length > 0 && asked.every(({ url }) => url.startsWith('https://')));
  });

  it('C19: the client does not fall back to plain HTTP after a failure of TLS', async (test) => {
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

describe('malformed headers', () => {
  const answers: readonly (readonly [what: string, head: string])[] = [
    ['two lengths', 'content-length: 2\r\ncontent-length: 5'],
    ['a length and chunks', 'content-length: 2\r\ntransfer-encoding: chunked'],
    ['a length that is no number', 'content-length: 0x2'],
    ['a name with a space', 'content-length : 2'],
    ['a NUL in a value', 'x: a\0b\r\ncontent-length: 2'],
    ['a bare CR', 'x: a\rcontent-length: 5\r\ncontent-length: 2'],
  ];
  for (const [what, head] of answers) {
    it(`C21: a response with ${what} is an error`, async (test) => {
      const host = await speaks(
        test,
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${head}\r\n\r\n{}xyz`,
      );
      const code = await codeOf(openClient(test).getManifest(`${host}/app:1`));
      assert.ok(code === 'NO_CONNECTION' || code === 'CUT_OFF', code);
    });
  }

  it('C21: a request with a line break in a header is not sent', async (test) => {
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
