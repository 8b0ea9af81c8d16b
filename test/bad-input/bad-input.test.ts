import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Client, createClient } from '../../src/client/client.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { CopyError, isGantryError } from '../../src/errors.ts';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/node/listen.ts';
import { digestEncoded } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import type { Registry } from '../../src/store/contract.ts';
import { writeTar } from '../../src/tar/write.ts';
import {
  blobOf,
  failsWith,
  giveImage,
  imageOf,
  listOf,
  noise,
  read,
} from '../../src/testing/contract/sample.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { closingIdle, servedBy, withBody } from './front.ts';
import { lock, noMounts, smallDisk } from './small-disk.ts';

/**
 * Creates a client for faults of other parties. Each must give the library's user a code for the fault, and must leave
 * nothing at the destination.
 */

function openClient(test: TestContext): Client {
  const client = createClient({
    keychain: async () => undefined,
    // gantry resumes interrupted blobs as always, but this test does not wait for it.
    retry: {
      attempts: 1,
      uploads: { attempts: 3, initial: 0 },
      downloads: { attempts: 3, initial: 0 },
    },
  });
  atEnd(test, () => client[Symbol.asyncDispose]());
  return client;
}

/** Returns the code of a failure. For a copy it is the code of the cause. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  assert.ok(isGantryError(error), String(error));
  assert.doesNotMatch(error.message, /\n/);
  const { cause } = error;
  return error instanceof CopyError ? (isGantryError(cause) ? cause.code : String(cause)) : error.code;
}

const layer = blobOf(noise(50_000));

async function giveApp(registry: Registry): Promise<Manifest> {
  return giveImage(registry.repository('app'), { layers: [layer] }, '1');
}

/**
 * Copies `app:1` from a registry into an empty place of every kind. All copies must fail with one of the codes and
 * leave nothing visible.
 */
async function assertNothingComes(
  test: TestContext,
  host: string,
  ...codes: readonly string[]
): Promise<void> {
  const client = openClient(test);
  const path = await folder(test);
  const place = join(path, 'place');
  const target = createMemoryRegistry();
  const targetHost = await servedBy(test, target);
  for (const bring of [
    () => client.pull([`${host}/app:1`], place),
    () => client.pull([`${host}/app:1`], place, { format: 'legacy' }),
    () => client.pull([`${host}/app:1`], place, { format: 'oci' }),
    () => client.copy(`${host}/app:1`, `oci-archive:${place}`),
    () => client.copy(`${host}/app:1`, `${targetHost}/copy:1`),
  ]) {
    const code = await codeOf(bring());
    assert.ok(codes.includes(code), `${code} is none of ${codes.join(', ')}`);
    assert.deepEqual(await readdir(path), []);
  }
  const copy = target.repository('copy');
  assert.equal(await copy.manifests.resolve('1'), undefined);
  assert.equal(await copy.blobs.stat(layer.descriptor.digest), undefined);
}

describe('a malformed reference or digest', () => {
  for (const [text, ...codes] of [
    ['', 'INVALID_REFERENCE'],
    ['Upper/Case', 'INVALID_REFERENCE', 'NAME_INVALID'],
    ['a:b:c', 'INVALID_REFERENCE'],
    ['a@b@c', 'INVALID_DIGEST', 'INVALID_REFERENCE'],
    ['a@sha256:abc', 'INVALID_DIGEST'],
    [`a@sha256:${'G'.repeat(64)}`, 'INVALID_DIGEST'],
    ['a b', 'INVALID_REFERENCE'],
    // A path, and no file is there.
    ['../../etc/passwd', 'NAME_UNKNOWN'],
    ['r.example/a\r\nHost: evil', 'INVALID_REFERENCE', 'NAME_INVALID'],
    [`r.example/${'a/'.repeat(200)}a`, 'NAME_INVALID', 'INVALID_REFERENCE'],
  ] as const) {
    // id: refused-json-page
    it(`a malformed name is refused: ${JSON.stringify(text.slice(0, 40))}`, async (test) => {
      const client = openClient(test);
      await failsWith(client.exists(text), ...codes);
      await failsWith(client.copy(text, 'localhost:1/a'), ...codes);
      await failsWith(client.copy('localhost:1/a', text), ...codes);
    });
  }
});

async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Uint8Array> {
  const entries = Object.entries(files).map(([name, content]) => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return { name, size: bytes.byteLength, body: bytesContent(bytes).open() };
  });
  return collect(writeTar(entries), { limit: 2 ** 22, what: 'tar' });
}

/** An OCI layout and a docker-save archive of one image, each as files. */
function archives() {
  const config = blobOf(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
    }),
  );
  const { descriptor, bytes } = imageOf({ config, layers: [layer] });
  const path = (digest: typeof descriptor.digest): string => `blobs/sha256/${digestEncoded(digest)}`;
  return {
    oci: {
      'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'index.json': JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }),
      [path(descriptor.digest)]: bytes,
      [path(config.descriptor.digest)]: config.bytes,
      [path(layer.descriptor.digest)]: layer.bytes,
    },
    docker: {
      'manifest.json': JSON.stringify([
        { Config: 'config.json', RepoTags: ['app:1'], Layers: ['layer.tar'] },
      ]),
      'config.json': config.bytes,
      'layer.tar': layer.bytes,
    },
    layer: { oci: path(layer.descriptor.digest), docker: 'layer.tar' },
  };
}

async function codeOfPush(test: TestContext, bytes: Uint8Array): Promise<string> {
  const file = join(await folder(test), 'image.tar');
  await writeFile(file, bytes);
  const registry = createMemoryRegistry();
  const host = await servedBy(test, registry);
  const code = await codeOf(openClient(test).push(file, `${host}/app:1`));
  // The registry may have its config, without a name. It never has the layer, nor a manifest that names it.
  const app = registry.repository('app');
  assert.equal(await app.manifests.resolve('1'), undefined);
  assert.equal(await app.blobs.stat(layer.descriptor.digest), undefined);
  return code;
}

describe('a file that is pushed', () => {
  for (const [name, bytes] of [
    ['empty', async () => new Uint8Array()],
    ['text', async () => new TextEncoder().encode('these are notes, not an image')],
    ['noise', async () => noise(5000)],
    ['gzipped text', async () => gzipSync('these are notes, not an image')],
    ['a tar of other things', async () => tarOf({ 'notes.txt': 'these are notes' })],
    ['an index.json that is none', async () => tarOf({ 'index.json': '<html>', 'oci-layout': '{}' })],
    ['a manifest.json that is none', async () => tarOf({ 'manifest.json': '{"Config":1}' })],
  ] satisfies [string, () => Promise<Uint8Array>][]) {
    it(`a pushed file that is ${name} is refused, since it is no archive`, async (test) => {
      assert.equal(await codeOfPush(test, await bytes()), 'MANIFEST_INVALID');
    });
  }

  for (const form of ['oci', 'docker'] as const) {
    it(`a pushed file without one of its layers, in the form of ${form}, is refused`, async (test) => {
      const made = archives();
      const files = Object.entries(made[form]).filter(([name]) => name !== made.layer[form]);
      assert.equal(await codeOfPush(test, await tarOf(Object.fromEntries(files))), 'BLOB_UNKNOWN');
    });

    it(`a pushed file with another layer than its manifest lists, in the form of ${form}, is refused`, async (test) => {
      const made = archives();
      const files = { ...made[form], [made.layer[form]]: layer.bytes.toReversed() };
      assert.equal(await codeOfPush(test, await tarOf(files)), 'DIGEST_INVALID');
    });

    it(`a pushed file that is cut off, in the form of ${form}, plain or gzipped, is refused`, async (test) => {
      const tar = await tarOf(archives()[form]);
      const plain = await codeOfPush(test, tar.subarray(0, tar.byteLength - 20_000));
      assert.ok(['SIZE_INVALID', 'MANIFEST_INVALID'].includes(plain), plain);
      const zipped = gzipSync(tar);
      assert.equal(await codeOfPush(test, zipped.subarray(0, zipped.byteLength - 5000)), 'DIGEST_INVALID');
    });
  }
});

const manifests = (from: { readonly url: string }): boolean => from.url.includes('/manifests/');

describe('a registry whose manifest', () => {
  const image = { schemaVersion: 2, config: blobOf('{}').descriptor, layers: [] };
  for (const [name, body, code] of [
    [
      'is over 4 MiB',
      JSON.stringify({ ...image, annotations: { a: 'x'.repeat(4 * 1024 * 1024) } }),
      'TOO_LARGE',
    ],
    ['is no JSON', '{"schemaVersion":2,', 'MANIFEST_INVALID'],
    ['is JSON of something else', '{"hello":"world"}', 'MANIFEST_INVALID'],
    ['is a list', '[]', 'MANIFEST_INVALID'],
    ['is both an index and an image', JSON.stringify({ ...image, manifests: [] }), 'MANIFEST_INVALID'],
    ['has a key twice', '{"schemaVersion":2,"schemaVersion":2}', 'MANIFEST_INVALID'],
    ['is HTML', '<!doctype html><html><body>Welcome</body></html>', 'MANIFEST_INVALID'],
    ['is nothing', '', 'MANIFEST_INVALID'],
  ] as const) {
    it(`${name} is refused, and nothing comes`, async (test) => {
      const registry = createMemoryRegistry();
      await giveApp(registry);
      const host = await servedBy(test, registry, (response, request) => {
        if (!manifests(request) || request.method !== 'GET') return response;
        const altered = withBody(response, new TextEncoder().encode(body));
        const { 'docker-content-digest': _, ...headers } = altered.headers;
        return {
          ...altered,
          headers: name === 'is HTML' ? { ...headers, 'content-type': ['text/html'] } : headers,
        };
      });
      await failsWith(openClient(test).getManifest(`${host}/app:1`), code);
      await assertNothingComes(test, host, code);
    });
  }

  it('a manifest that does not match its digest is refused, by tag and by digest', async (test) => {
    const registry = createMemoryRegistry();
    const { descriptor, bytes } = await giveApp(registry);
    const host = await servedBy(test, registry, (response, request) =>
      manifests(request) && request.method === 'GET'
        ? withBody(response, new TextEncoder().encode(`${new TextDecoder().decode(bytes)} `))
        : response,
    );
    for (const name of [`${host}/app:1`, `${host}/app@${descriptor.digest}`]) {
      await failsWith(openClient(test).getManifest(name), 'DIGEST_INVALID');
    }
    await assertNothingComes(test, host, 'DIGEST_INVALID');
  });
});

describe('a registry whose blob', () => {
  const { bytes, descriptor } = layer;
  const isLayer = ({ url }: { readonly url: string }): boolean => url.endsWith(`/blobs/${descriptor.digest}`);

  for (const [name, answer, ...codes] of [
    [
      // id: short-body
      'is shorter',
      (response) => withBody(response, bytes.subarray(0, 40_000)),
      'SIZE_INVALID',
      'DIGEST_INVALID',
      'CUT_OFF',
    ],
    [
      'is empty',
      (response) => withBody(response, new Uint8Array()),
      'SIZE_INVALID',
      'DIGEST_INVALID',
      'CUT_OFF',
    ],
    [
      // id: long-body
      'is longer',
      (response) => withBody(response, Buffer.concat([bytes, bytes])),
      'SIZE_INVALID',
      'DIGEST_INVALID',
    ],
    ['is another', (response) => withBody(response, bytes.toReversed()), 'DIGEST_INVALID'],
    [
      'is a page of HTML',
      (response) => withBody(response, Buffer.from('<html></html>')),
      'SIZE_INVALID',
      'DIGEST_INVALID',
      'CUT_OFF',
    ],
  ] satisfies [string, (response: HttpResponse) => HttpResponse, ...string[]][]) {
    it(`${name} is refused, and nothing comes`, async (test) => {
      const registry = createMemoryRegistry();
      await giveApp(registry);
      const host = await servedBy(test, registry, (response, request) =>
        isLayer(request) && request.method === 'GET' ? answer(response) : response,
      );
      await failsWith(read(openClient(test).openBlob(`${host}/app@${descriptor.digest}`)), ...codes);
      await assertNothingComes(test, host, ...codes);
    });
  }

  it('a missing blob ends the copy, and nothing has a name at the destination', async (test) => {
    const registry = createMemoryRegistry();
    await giveApp(registry);
    await registry.repository('app').blobs.delete(descriptor.digest);
    await assertNothingComes(test, await servedBy(test, registry), 'BLOB_UNKNOWN');
  });
});

describe('a full disk', { skip: noMounts }, () => {
  it('a full disk ends a pull with NO_SPACE, and nothing of it stays on the disk', async (test) => {
    const registry = createMemoryRegistry();
    const large = blobOf(noise(2 * 1024 * 1024));
    await giveImage(registry.repository('app'), { layers: [large] }, '1');
    const host = await servedBy(test, registry);
    const client = openClient(test);
    const disk = smallDisk(test);
    for (const bring of [
      () => client.pull([`${host}/app:1`], join(disk, 'image.tar')),
      () => client.pull([`${host}/app:1`], join(disk, 'layout'), { format: 'oci' }),
      () => client.copy(`${host}/app:1`, `oci-archive:${join(disk, 'image.tar')}`),
    ]) {
      assert.equal(await codeOf(bring()), 'NO_SPACE');
      assert.deepEqual(await readdir(disk), []);
    }
  });

  it('under a registry refuses the push, and the registry goes on with what fits', async (test) => {
    const store = await openDiskRegistry(smallDisk(test));
    atEnd(test, () => store[Symbol.asyncDispose]());
    const host = await servedBy(test, store);
    const source = createMemoryRegistry();
    const large = blobOf(noise(2 * 1024 * 1024));
    await giveImage(source.repository('large'), { layers: [large] }, '1');
    await giveImage(source.repository('small'), { layers: [layer] }, '1');
    const from = await servedBy(test, source);
    const client = openClient(test);
    await failsWith(client.copy(`${from}/large:1`, `${host}/large:1`), 'UNAVAILABLE');
    assert.equal(await client.exists(`${host}/large:1`), false);
    assert.equal(await client.blobExists(`${host}/large`, large.descriptor.digest), false);
    assert.ok(await client.copy(`${from}/small:1`, `${host}/small:1`));
  });
});

describe('no permission', { skip: noMounts }, () => {
  it('missing permission ends a pull with NO_PERMISSION before gantry fetches anything', async (test) => {
    const registry = createMemoryRegistry();
    await giveApp(registry);
    let asked = 0;
    const host = await servedBy(test, registry, (response) => {
      asked++;
      return response;
    });
    const client = openClient(test);
    const disk = smallDisk(test);
    const folders = ['layout', 'store'];
    for (const name of folders) await mkdir(join(disk, name));
    lock(disk);
    for (const bring of [
      () => client.pull([`${host}/app:1`], join(disk, 'image.tar')),
      () => client.pull([`${host}/app:1`], join(disk, 'layout'), { format: 'oci' }),
      () => client.copy(`${host}/app:1`, `docker-archive:${join(disk, 'image.tar')}`),
      () => openDiskRegistry(join(disk, 'store')),
    ]) {
      assert.equal(await codeOf(bring()), 'NO_PERMISSION');
    }
    assert.equal(asked, 0);
    assert.deepEqual(await readdir(disk, { recursive: true }), folders);
  });
});

describe('the network', () => {
  it('a port in use is IN_USE and named', async (test) => {
    const app = createApp(createMemoryRegistry());
    const first = await listen(app);
    atEnd(test, () => first.close({ grace: 0 }));
    await assert.rejects(listen(app, { port: first.port }), {
      code: 'IN_USE',
      path: `127.0.0.1:${first.port}`,
    });
  });

  it('nobody listening is NO_CONNECTION', async (test) => {
    const listener = await listen(createApp(createMemoryRegistry()));
    await listener.close({ grace: 0 });
    const host = listener.url.replace('http://', '');
    await failsWith(openClient(test).exists(`${host}/app:1`), 'NO_CONNECTION');
    await assertNothingComes(test, host, 'NO_CONNECTION');
  });

  it('a kept connection that the server has closed is not noticed: reads, uploads and manifests go through', async (test) => {
    const registry = createMemoryRegistry();
    const { descriptor } = await giveApp(registry);
    const front = await closingIdle(test, await servedBy(test, registry));
    const client = openClient(test);
    const path = await folder(test);
    for (const tag of ['2', '3']) {
      assert.equal(await client.exists(`${front.host}/app:1`), true);
      await client.copy(`${front.host}/app:1`, `oci:${join(path, 'layout')}:${tag}`);
      await client.copy(`oci:${join(path, 'layout')}:${tag}`, `${front.host}/copy:${tag}`);
    }
    await client.tag(`${front.host}/copy:2`, '4');
    assert.ok(front.cut() > 0, 'no kept connection was cut');
    const copy = registry.repository('copy');
    assert.deepEqual(await listOf(copy.tags.list()), ['2', '3', '4']);
    assert.equal((await copy.manifests.resolve('4'))?.digest, descriptor.digest);
    assert.equal(digestOf(await read(copy.blobs.open(layer.descriptor))), layer.descriptor.digest);
  });
});
