import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { partialName } from '../../src/blobfile/partial.ts';
import { TransportError } from '../../src/errors.ts';
import type { Content, OpenOptions } from '../../src/flow/content.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import {
  blobOf,
  emptyConfig,
  give,
  imageOf,
  noise,
  read,
  type SampleBlob,
} from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../../src/wire/message.ts';
import { errorAnswer } from '../../src/wire/reply.ts';
import { folder } from '../folder.ts';
import { type Kind, killed, kinds } from './killed-write.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;
const mebibyte = 1024 * 1024;

const small = blobOf(noise(4 * mebibyte));
const { size } = small.descriptor;
/** Hashed in a thread. */
const large = blobOf(noise(40 * mebibyte));
const other = blobOf(noise(3 * mebibyte).map((byte) => byte ^ 1));

/** Content that counts its openings and the bytes that it gives. */
function counted(
  { content }: SampleBlob,
  replayable = true,
): { readonly content: Content; readonly from: number[]; readonly bytes: () => number } {
  const from: number[] = [];
  let bytes = 0;
  return {
    from,
    bytes: () => bytes,
    content: {
      ...content,
      replayable,
      async *open(options: OpenOptions = {}) {
        from.push(options.from ?? 0);
        for await (const chunk of content.open(options)) {
          // In pieces, as a network brings them.
          for (let at = 0; at < chunk.byteLength; at += 65536) {
            const piece = chunk.subarray(at, at + 65536);
            bytes += piece.byteLength;
            yield piece;
          }
        }
      },
    },
  };
}

/** Writes an image with these layers, checks the result, and that nothing hidden is left. */
async function finish(
  kind: Kind,
  path: string,
  layers: readonly { readonly blob: SampleBlob; readonly content: Content }[],
): Promise<void> {
  const image = imageOf({ config, layers: layers.map(({ blob }) => blob) });
  {
    await using place = await kind.open(path);
    await give(place, config);
    for (const { blob, content } of layers) await place.blobs.write(blob.descriptor, content);
    await place.manifests.put(image, { tags: ['acme/app:1'] });
    await place.commit();
  }
  await using written = await kind.reopen(path);
  for (const { blob } of layers) {
    const bytes = await read(written.blobs.open(blob.descriptor));
    assert.ok(Buffer.from(bytes).equals(blob.bytes));
  }
  const hidden = (await readdir(join(path, '..'), { recursive: true })).filter((name) =>
    /(?:^|[/\\])\./.test(name),
  );
  assert.deepEqual(hidden, []);
}

const config = emptyConfig;

for (const kind of kinds) {
  describe(`the ${kind.name} of a killed process`, { skip: noSignals }, () => {
    for (const [blob, at] of [
      [small, 3 * mebibyte],
      [large, 30 * mebibyte],
    ] as const) {
      const length = blob.bytes.byteLength;
      it(`killed-transfer: the next process continues a blob of ${length / mebibyte} MiB in the ${kind.name} of a killed one`, async (test) => {
        const path = join(await folder(test), 'image');
        await killed(kind, path, [length], at);
        const { content, from, bytes } = counted(blob);
        await finish(kind, path, [{ blob, content }]);
        assert.equal(from.length, 1);
        assert.ok((from[0] ?? 0) >= at - 5 * mebibyte && (from[0] ?? 0) > 0, `from ${from[0]}`);
        assert.equal(bytes(), length - (from[0] ?? 0));
      });
    }

    it(`a whole blob in the ${kind.name} of a killed process is not read again`, async (test) => {
      const path = join(await folder(test), 'image');
      await killed(kind, path, [other.bytes.byteLength, small.bytes.byteLength], 3 * mebibyte);
      const whole = blobOf(noise(other.bytes.byteLength));
      const [first, second] = [counted(whole), counted(small)];
      await finish(kind, path, [
        { blob: whole, content: first.content },
        { blob: small, content: second.content },
      ]);
      assert.equal(first.bytes(), 0);
      assert.ok(second.bytes() < small.bytes.byteLength);
    });

    const damages: readonly (readonly [
      name: string,
      damage: (path: string) => Promise<void>,
      reads: number,
    ])[] = [
      [
        'with a changed byte',
        async (path) => {
          const bytes = await readFile(path);
          bytes[1000] = ~(bytes[1000] ?? 0);
          await writeFile(path, bytes);
        },
        2,
      ],
      ['with more bytes than the blob', (path) => truncate(path, 5 * mebibyte), 1],
      ['without bytes', (path) => truncate(path, 0), 1],
      [
        'with a link in its place',
        async (path) => {
          await rm(path);
          await writeFile(`${path}.target`, 'bytes of another file');
          await symlink(`${path}.target`, path);
        },
        1,
      ],
      [
        'with a folder in its place',
        async (path) => {
          await rm(path);
          await mkdir(path);
        },
        1,
      ],
    ];
    for (const [name, damage, reads] of damages) {
      it(`a partial file ${name} in the ${kind.name} of a killed process costs one reading of the whole blob`, async (test) => {
        const path = join(await folder(test), 'image');
        await killed(kind, path, [small.bytes.byteLength], 3 * mebibyte);
        await damage(join(await kind.left(path), partialName(small.descriptor.digest)));
        const { content, from } = counted(small);
        await finish(kind, path, [{ blob: small, content }]);
        assert.equal(from.length, reads);
        assert.equal(from.at(-1), 0);
      });
    }

    it(`content that can be read only once ignores a partial file in the ${kind.name} of a killed process`, async (test) => {
      const path = join(await folder(test), 'image');
      await killed(kind, path, [small.bytes.byteLength], 3 * mebibyte);
      const { content, from } = counted(small, false);
      await finish(kind, path, [{ blob: small, content }]);
      assert.deepEqual(from, [0]);
    });

    it(`two writes of one blob at the same time do not share a partial file in the ${kind.name} of a killed process`, async (test) => {
      const path = join(await folder(test), 'image');
      await killed(kind, path, [small.bytes.byteLength], 3 * mebibyte);
      const [first, second] = [counted(small), counted(small)];
      await using place = await kind.open(path);
      await Promise.all([
        place.blobs.write(small.descriptor, first.content),
        place.blobs.write(small.descriptor, second.content),
      ]);
      const bytes = await read(place.blobs.open(small.descriptor));
      assert.ok(Buffer.from(bytes).equals(small.bytes));
    });
  });
}

type Fault = (send: Send, request: HttpRequest, number: number) => Promise<HttpResponse>;

const withoutRange: Fault = (send, request) =>
  send({ ...request, headers: { ...request.headers, range: [], 'if-range': [] } });

/** The answers of a registry to the reading of the rest, of which the first ones break off. */
const answers: readonly (readonly [name: string, fault: Fault])[] = [
  ['ignores Range', withoutRange],
  [
    'honours Range once, breaks off and then ignores it',
    async (send, request, number) => {
      if (number > 0) return withoutRange(send, request, number);
      const response = await send(request);
      return { ...response, body: broken(response.body) };
    },
  ],
  ['refuses Range', async (send, request) => refusedRange(send, request, 416)],
  ['forbids Range', async (send, request) => refusedRange(send, request, 403)],
  [
    'sends another part than the requested one',
    async (send, request) => {
      const response = await send(request);
      if (response.status !== 206) return response;
      return { ...response, headers: { ...response.headers, 'content-range': [`bytes 5-100/${size}`] } };
    },
  ],
];

function refusedRange(send: Send, request: HttpRequest, status: number): Promise<HttpResponse> {
  if (headerValue(request.headers, 'range') === undefined) return send(request);
  return Promise.resolve(errorAnswer('UNKNOWN', 'no part of this', { status }));
}

async function* broken(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    yield chunk.subarray(0, 100_000);
    throw new TransportError('CUT_OFF', 'the connection broke');
  }
}

describe('a registry that treats the rest of a blob in its own way', { skip: noSignals }, () => {
  for (const [name, fault] of answers) {
    it(`killed-transfer: the rest of a blob from a registry that ${name} gives the right blob`, async (test) => {
      const memory = createMemoryRegistry();
      await give(memory.repository('app'), small);
      const app = createApp(memory);
      let gets = 0;
      const remote = createRemoteRegistry({
        base: 'http://registry.test',
        send: (request) => (request.method === 'GET' ? fault(app, request, gets++) : app(request)),
        download: { retry: { attempts: 3, initial: 1, jitter: 0 } },
      });
      for (const kind of kinds) {
        gets = 0;
        const path = join(await folder(test), 'image');
        await killed(kind, path, [size], 3 * mebibyte);
        const content = remote.repository('app').blobs.open(small.descriptor);
        await finish(kind, path, [{ blob: small, content }]);
        assert.ok(gets > 0);
      }
    });
  }
});

describe('partial files that the next process does not continue', { skip: noSignals }, () => {
  const [layout, archive] = kinds as readonly [Kind, Kind];

  it('a partial file in a layout is removed after a week', async (test) => {
    const path = join(await folder(test), 'image');
    await killed(layout, path, [small.bytes.byteLength], 3 * mebibyte);
    const past = new Date(Date.now() - 8 * 24 * 60 * 60 * 1000);
    await utimes(join(await layout.left(path), partialName(small.descriptor.digest)), past, past);
    const { content, from } = counted(small);
    await finish(layout, path, [{ blob: small, content }]);
    assert.deepEqual(from, [0]);
  });

  it('the draft of a killed process goes with the next archive of another name in its folder', async (test) => {
    const root = await folder(test);
    await killed(archive, join(root, 'one.tar'), [small.bytes.byteLength], 3 * mebibyte);
    const { content, from } = counted(small);
    await finish(archive, join(root, 'other.tar'), [{ blob: small, content }]);
    assert.deepEqual(from, [0]);
  });

  it('a partial file of another blob goes with the next commit', async (test) => {
    const root = await folder(test);
    for (const kind of kinds) {
      await mkdir(join(root, kind.name));
      const path = join(root, kind.name, 'image');
      await killed(kind, path, [small.bytes.byteLength], 3 * mebibyte);
      const { content, from } = counted(other);
      await finish(kind, path, [{ blob: other, content }]);
      assert.deepEqual(from, [0]);
    }
  });
});
