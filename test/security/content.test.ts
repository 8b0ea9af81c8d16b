import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openArchive } from '../../src/archive/read.ts';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { indexJsonLimit, parseManifest } from '../../src/json/manifest.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { digestEncoded } from '../../src/spec/digest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import type { Registry } from '../../src/store/contract.ts';
import { safeName } from '../../src/tar/name.ts';
import { writeTar } from '../../src/tar/write.ts';
import {
  blobOf,
  emptyConfig,
  give,
  giveImage,
  imageOf,
  indexOf,
  noise,
  read,
} from '../../src/testing/contract/sample.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../../src/wire/message.ts';
import { folder } from '../folder.ts';
import { clientOf, codeOf, home, net, registry, reply, served } from './net.ts';

/** Bytes that contradict their description: rows C9 to C12 and C15 to C18 of protocol.md §5.1. */

const layer = blobOf(noise(3000));
const text = (value: unknown): string => JSON.stringify(value);

/** Answers GETs of paths that end in `path` with something else. */
const lies =
  (path: string, answer: (right: HttpResponse) => HttpResponse): Middleware =>
  (next) =>
  async (request) => {
    const response = await next(request);
    return request.method === 'GET' && request.url.endsWith(path) ? answer(response) : response;
  };

const withBody =
  (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
  ({ headers: right }: HttpResponse): HttpResponse => {
    const { 'content-length': _, ...rest } = right;
    const said = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, [...value]]));
    return reply(200, { ...said, ...headers }, body);
  };

async function appIn(store: Registry = createMemoryRegistry()) {
  const manifest = await giveImage(store.repository('app'), { layers: [layer] }, '1');
  return { store, manifest, digest: manifest.descriptor.digest };
}

/** Returns the code with which gantry refuses app:1, and asserts that nothing of it has a name at the destination. */
async function refusal(
  test: TestContext,
  store: Registry,
  ...strange: readonly Middleware[]
): Promise<string | undefined> {
  const target = createMemoryRegistry();
  const hosts = net({ [home]: served(store, ...strange), 'https://to.example': served(target) });
  const code = await codeOf(clientOf(test, hosts).copy(`${registry}/app:1`, 'to.example/app:1'));
  assert.equal(await target.repository('app').manifests.resolve('1'), undefined);
  return code;
}

describe('content that a client reads', () => {
  it('C9: the client refuses a blob with other bytes than its digest names', async (test) => {
    const { store } = await appIn();
    const other = lies(layer.descriptor.digest, withBody(layer.bytes.toReversed()));
    assert.equal(await refusal(test, store, other), 'DIGEST_INVALID');
  });

  it('C9: the client refuses a config with other bytes than its digest names', async (test) => {
    const { store } = await appIn();
    const other = lies(emptyConfig.descriptor.digest, withBody(emptyConfig.bytes.toReversed()));
    assert.equal(await refusal(test, store, other), 'DIGEST_INVALID');
    const client = clientOf(test, net({ [home]: served(store, other) }));
    assert.equal(await codeOf(client.getConfig(`${registry}/app:1`)), 'DIGEST_INVALID');
  });

  it('C9: the client stops reading a blob without end at the first byte beyond its size', async (test) => {
    const { store } = await appIn();
    let given = 0;
    const endless = lies(layer.descriptor.digest, (right) => {
      const { 'content-length': _, ...headers } = right.headers;
      return {
        ...right,
        headers,
        body: (async function* () {
          for (;;) {
            given += 1000;
            yield new Uint8Array(1000);
          }
        })(),
      };
    });
    const code = await refusal(test, store, endless);
    assert.ok(code === 'SIZE_INVALID' || code === 'DIGEST_INVALID', code);
    assert.ok(given < 100_000, String(given));
  });

  it('C9: the client refuses a manifest by tag that has another digest than the header says', async (test) => {
    const { store } = await appIn();
    const other = imageOf({ annotations: { a: 'b' } }).bytes;
    const client = clientOf(test, net({ [home]: served(store, lies('/manifests/1', withBody(other))) }));
    assert.equal(await codeOf(client.getManifest(`${registry}/app:1`)), 'DIGEST_INVALID');
  });

  it('C9: a reference with tag and digest means the digest, even if the tag names another image', async (test) => {
    const { store, digest } = await appIn();
    await giveImage(store.repository('app'), { annotations: { moved: 'yes' } }, '1');
    const client = clientOf(test, net({ [home]: served(store) }));
    const { descriptor } = await client.getManifest(`${registry}/app:1@${digest}`);
    assert.equal(descriptor.digest, digest);
    const wrong = `${registry}/app:1@${layer.descriptor.digest}`;
    assert.equal(await codeOf(client.getManifest(wrong)), 'MANIFEST_UNKNOWN');
  });

  it('C9: the client refuses a child of an index with other bytes than its digest names', async (test) => {
    const { store, manifest } = await appIn();
    const index = indexOf([manifest.descriptor]);
    await store.repository('app').manifests.put(index, { tags: ['1'] });
    const other = imageOf({ annotations: { a: 'b' } }).bytes;
    const digest = digestOf(other);
    const lie = lies(manifest.descriptor.digest, withBody(other, { 'docker-content-digest': digest }));
    assert.equal(await refusal(test, store, lie), 'DIGEST_INVALID');
  });

  it('C9: a validation reports a child whose size differs from its descriptor', async (test) => {
    const { store, manifest } = await appIn();
    const index = indexOf([{ ...manifest.descriptor, size: manifest.descriptor.size + 1 }]);
    await store.repository('app').manifests.put(index, { tags: ['1'] });
    const problems: string[] = [];
    for await (const { problem } of clientOf(test, net({ [home]: served(store) })).validate(
      `${registry}/app:1`,
    )) {
      if (problem !== undefined) problems.push(problem);
    }
    assert.ok(problems.length > 0);
  });
});

describe('a malformed digest', () => {
  const bad = [
    'sha256:../../../../etc/passwd',
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(64)}/..`,
    `sha256:${'a'.repeat(64)}?x`,
    `sha256:${'a'.repeat(64)}\r\nX: y`,
    'sha512:abc',
    'sha256',
    '',
    ':',
  ];
  const { bytes } = imageOf({ layers: [layer] });
  const image = JSON.parse(new TextDecoder().decode(bytes));
  for (const digest of bad) {
    for (const [where, document] of [
      ['a config', { ...image, config: { ...image.config, digest } }],
      ['a layer', { ...image, layers: [{ ...image.layers[0], digest }] }],
      ['a subject', { ...image, subject: { ...image.config, digest } }],
      [
        'a child',
        { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [{ ...image.config, digest }] },
      ],
    ] as const) {
      it(`C10: the client refuses the digest ${text(digest).slice(0, 40)} of ${where}, and sends no request for it`, async (test) => {
        const body = text(document);
        const hosts = net({
          [home]: async ({ url }) =>
            url.endsWith('/manifests/1')
              ? reply(
                  200,
                  {
                    'content-type': document.mediaType,
                    'docker-content-digest': digestOf(new TextEncoder().encode(body)),
                  },
                  body,
                )
              : reply(404),
        });
        const client = clientOf(test, hosts);
        const place = join(await folder(test), 'place');
        assert.equal(
          await codeOf(client.pull([`${registry}/app:1`], place, { format: 'oci' })),
          'MANIFEST_INVALID',
        );
        assert.ok(hosts.asked.every(({ url }) => url.endsWith('/manifests/1')));
      });
    }
  }

  it('C10: the client ignores a malformed digest in a header, and hashes the bytes', async (test) => {
    const { store, digest } = await appIn();
    for (const said of bad.filter((value) => !/[\r\n]/.test(value))) {
      const lie: Middleware = (next) => async (request) => {
        const response = await next(request);
        return request.url.includes('/manifests/')
          ? { ...response, headers: { ...response.headers, 'docker-content-digest': [said] } }
          : response;
      };
      const client = clientOf(test, net({ [home]: served(store, lie) }));
      assert.equal((await client.getDescriptor(`${registry}/app:1`)).digest, digest);
    }
  });
});

describe('a manifest with two meanings', () => {
  const descriptor = layer.descriptor;
  const config = { ...descriptor, mediaType: MediaType.ociConfig };
  const image = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] };
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] };
  const rows: readonly (readonly [what: string, type: string, body: string])[] = [
    ['an index with layers', MediaType.ociIndex, text({ ...index, layers: [] })],
    ['an index with a config', MediaType.ociIndex, text({ ...index, config })],
    ['an image with manifests', MediaType.ociManifest, text({ ...image, manifests: [] })],
    [
      'an image that calls itself an index',
      MediaType.ociManifest,
      text({ ...image, mediaType: MediaType.ociIndex }),
    ],
    ['an index that is given as an image', MediaType.ociManifest, text(index)],
    ['an image of schema 1', MediaType.ociManifest, text({ ...image, schemaVersion: 1 })],
    ['an image with fsLayers', MediaType.ociManifest, text({ ...image, fsLayers: [] })],
    ['a key twice', MediaType.ociManifest, text(image).replace('{', '{"layers":[{}],')],
    ['a key twice, once escaped', MediaType.ociManifest, text(image).replace('{', '{"l\\u0061yers":[{}],')],
    ['a key twice, further down', MediaType.ociManifest, text(image).replace('"size"', '"size":1,"size"')],
    ['a key in other letters', MediaType.ociManifest, text({ ...image, Layers: [descriptor] })],
    [
      'a key in other letters, further down',
      MediaType.ociManifest,
      text({ ...image, config: { ...config, DIGEST: 'x' } }),
    ],
    ['a key in letters that Go folds', MediaType.ociManifest, text({ ...image, layerſ: [] })],
  ];
  for (const [what, type, body] of rows) {
    it(`C11: the client refuses ${what}`, async (test) => {
      const hosts = net({ [home]: async () => reply(200, { 'content-type': type }, body) });
      assert.equal(await codeOf(clientOf(test, hosts).getManifest(`${registry}/app:1`)), 'MANIFEST_INVALID');
    });
  }
});

describe('the algorithm of a digest', () => {
  for (const digest of [`md5:${'a'.repeat(32)}`, `sha1:${'a'.repeat(40)}`, `blake3:${'a'.repeat(64)}`]) {
    it(`C12: content is UNSUPPORTED if gantry cannot compute the algorithm of its digest, as for ${digest.slice(0, 8)}`, async (test) => {
      const store = createMemoryRegistry();
      const hosts = net({ [home]: served(store, () => async () => reply(200, {}, layer.bytes)) });
      const client = clientOf(test, hosts);
      const code = await codeOf(read(client.openBlob(`${registry}/app@${digest}`)));
      assert.equal(code, 'UNSUPPORTED');
    });
  }

  it('C12: only the algorithm of the requested digest proves the content, not another one in the header', async (test) => {
    const { manifest } = await appIn();
    const asked = digestOf(new TextEncoder().encode('what was wanted'), 'sha512');
    const hosts = net({
      [home]: async () =>
        reply(
          200,
          { 'content-type': MediaType.ociManifest, 'docker-content-digest': manifest.descriptor.digest },
          manifest.bytes,
        ),
    });
    const code = await codeOf(clientOf(test, hosts).getManifest(`${registry}/app@${asked}`));
    assert.equal(code, 'DIGEST_INVALID');
  });
});

const tarOf = (
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<Uint8Array> =>
  collect(
    writeTar(
      files.map(({ name, bytes }) => ({ name, size: bytes.byteLength, body: bytesContent(bytes).open() })),
    ),
    { limit: 2 ** 24, what: 'tar' },
  );

describe('a name in a tar', () => {
  for (const name of ['/etc/passwd', '../up', 'a/../../up', '..', 'a/..', 'nul\0l', '']) {
    it(`C15: a name that leads out of the tar is refused: ${text(name)}`, () => {
      assert.throws(() => safeName(name, 'a tar'), { code: 'MANIFEST_INVALID' });
    });
  }

  it('C15: an archive with names that lead out of it makes no file', async (test) => {
    const dir = await folder(test);
    const file = join(dir, 'in', 'image.tar');
    await mkdir(join(dir, 'in'));
    for (const name of ['../evil', '/tmp/gantry-evil', 'blobs/sha256/../../../evil']) {
      await writeFile(file, await tarOf([{ name, bytes: layer.bytes }]));
      assert.equal(await codeOf(openArchive(file)), 'MANIFEST_INVALID');
      assert.deepEqual(await readdir(dir, { recursive: true }), ['in', join('in', 'image.tar')]);
    }
  });
});

describe('the title of a layer', () => {
  it('C16: the files of layers are named by their digests, and never by their titles', async (test) => {
    const store = createMemoryRegistry();
    await give(store.repository('app'), emptyConfig, layer);
    const made = JSON.parse(new TextDecoder().decode(imageOf({ layers: [layer] }).bytes));
    made.layers[0].annotations = { 'org.opencontainers.image.title': '../../../evil' };
    const bytes = new TextEncoder().encode(text(made));
    const client = clientOf(test, net({ [home]: served(store) }));
    await client.putManifest(`${registry}/app:1`, parseManifest(bytes, { digest: digestOf(bytes) }));
    const dir = await folder(test);
    await mkdir(join(dir, 'in'));
    await client.pull([`${registry}/app:1`], join(dir, 'in', 'layout'), { format: 'oci' });
    const names = await readdir(dir, { recursive: true });
    assert.deepEqual(
      names.filter((name) => name.includes('evil')),
      [],
    );
  });
});

describe('a layout from somebody else', () => {
  it('C17: the client does not follow a link in place of a blob', async (test) => {
    const dir = await folder(test);
    const secret = join(dir, 'secret');
    await writeFile(secret, layer.bytes);
    const layout = join(dir, 'layout');
    const { descriptor, bytes } = imageOf({ layers: [layer] });
    const blobs = join(layout, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(layout, 'index.json'), text({ schemaVersion: 2, manifests: [descriptor] }));
    await writeFile(join(blobs, digestEncoded(descriptor.digest)), bytes);
    await writeFile(join(blobs, digestEncoded(emptyConfig.descriptor.digest)), emptyConfig.bytes);
    await symlink(secret, join(blobs, digestEncoded(layer.descriptor.digest)));
    const hosts = net({ [home]: served() });
    assert.notEqual(await codeOf(clientOf(test, hosts).push(layout, `${registry}/app:1`)), undefined);
    assert.ok(!hosts.asked.some(({ method, url }) => method === 'PUT' && url.includes('/manifests/')));
  });

  it('C17: the client refuses an index.json above the limit', async (test) => {
    const layout = await folder(test);
    await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(layout, 'index.json'), new Uint8Array(indexJsonLimit + 1));
    const read = async (): Promise<unknown> => (await openLayout(layout, { mode: 'read' })).roots();
    assert.equal(await codeOf(read()), 'TOO_LARGE');
  });

  it('C17: the client refuses an index.json with a digest that leads out of the layout', async (test) => {
    const layout = await folder(test);
    await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const evil = { mediaType: MediaType.ociManifest, digest: 'sha256:../../../../etc/passwd', size: 1 };
    await writeFile(join(layout, 'index.json'), text({ schemaVersion: 2, manifests: [evil] }));
    const read = async (): Promise<unknown> => (await openLayout(layout, { mode: 'read' })).roots();
    assert.equal(await codeOf(read()), 'MANIFEST_INVALID');
  });
});

const withoutApi: Middleware = (next) => async (request: HttpRequest) =>
  request.url.includes('/referrers/') ? reply(404) : next(request);

describe('a list of referrers', () => {
  it('C18: a copy leaves out a listed referrer whose manifest names another subject', async (test) => {
    const { store, manifest } = await appIn();
    const app = store.repository('app');
    const stranger = imageOf({ subject: layer.descriptor, artifactType: 'application/x' });
    const friend = imageOf({ subject: manifest.descriptor, artifactType: 'application/x' });
    for (const one of [stranger, friend]) await app.manifests.put(one);
    const list = indexOf([stranger.descriptor, friend.descriptor]);
    const tag = referrersTag(manifest.descriptor.digest);
    await app.manifests.put(list, { tags: [tag] });
    const target = createMemoryRegistry();
    const hosts = net({ [home]: served(store, withoutApi), 'https://to.example': served(target) });
    await clientOf(test, hosts).copy(`${registry}/app:1`, 'to.example/app:1', { referrers: true });
    const copy = target.repository('app').manifests;
    assert.notEqual(await copy.resolve(friend.descriptor.digest), undefined);
    assert.equal(await copy.resolve(stranger.descriptor.digest), undefined);
  });
});
