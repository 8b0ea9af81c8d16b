import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/flow/hash.ts';
import { failsWith, listOf, read } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { all, answers, namesNoDigests, refuses, withHeaders } from '../faults/spoil.ts';
import { secret } from '../secret.ts';
import { door, type Habit, layer, readsWhole, withImage } from './stage.ts';

/** Changes that registries make to responses. gantry reads each of them. */

const looks: readonly OperationKind[] = ['manifest.head', 'manifest.get'];
const texts: readonly OperationKind[] = [...looks, 'tags.list', 'referrers', 'catalog'];

const page = (status = 200): HttpResponse =>
  answer(status, { 'content-type': ['text/html; charset=utf-8'] }, new TextEncoder().encode('<html>Sign in'));

async function* gzippedBody(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk.slice());
  yield gzipSync(Buffer.concat(chunks));
}

/** Compresses like nginx with `gzip_types application/json`, and more. */
const gzips: Middleware = answers(texts, (response, { method }) => ({
  ...withHeaders(response, {
    'content-encoding': ['gzip'],
    'content-length': method === 'HEAD' ? ['20'] : [],
  }),
  body: method === 'HEAD' ? response.body : gzippedBody(response.body),
}));

const wanted = [
  'oci.image.manifest.v1',
  'oci.image.index.v1',
  'docker.distribution.manifest.v2',
  'manifest.list.v2',
];

const typed = (type: readonly string[]): Middleware =>
  answers(looks, (response) => withHeaders(response, { 'content-type': type }));

/** Blobs are at another address, which is signed and accepts no other proof. */
const signed = `?sig=a%2Fb%3D${secret('signature')}&se=2`;
const moved = (to: string): Pick<Habit, 'quirk' | 'elsewhere' | 'credential'> => ({
  credential: { kind: 'basic', username: 'alice', password: secret('reading') },
  quirk: all(
    door(),
    refuses((operation) =>
      operation.kind === 'blob.get'
        ? answer(307, { location: [`${to}/${operation.digest}${signed}`] })
        : undefined,
    ),
  ),
  elsewhere: storage(to),
});

const storage =
  (at: string) =>
  ({ url, headers }: HttpRequest): HttpResponse => {
    assert.ok(url.startsWith(`${at}/sha256:`) && url.endsWith(signed), url);
    if (headerValue(headers, 'authorization') !== undefined) return answer(400);
    const bytes = [layer, config].find((some) => url.includes(digestOf(some)));
    return bytes === undefined ? answer(404) : answer(200, {}, bytes);
  };

const config: Uint8Array = await (async () => {
  const { client, name } = await withImage({ quirk: (next) => next });
  return client.getConfig(`${name}:v1`);
})();

const habits: readonly (Habit & { readonly name: string })[] = [
  // id: no-digest-header-read
  { name: 'Quay and proxies: no Docker-Content-Digest', quirk: namesNoDigests },
  {
    // id: harbor-wrong-head-length
    name: 'Harbor: a HEAD with a wrong Content-Length',
    quirk: answers(['manifest.head'], (response) => withHeaders(response, { 'content-length': ['7'] })),
  },
  {
    // id: harbor-head-without-type
    name: 'Harbor, before 2.1.3: a HEAD without type and length',
    quirk: answers(['manifest.head'], (response) =>
      withHeaders(response, { 'content-type': [], 'content-length': [] }),
    ),
  },
  // id: proxy-compresses
  { name: 'a proxy that compresses without permission', quirk: gzips },
  {
    // id: apache-false-gzip
    name: 'Apache: bytes that are labelled gzip, and are not compressed again',
    quirk: answers(['manifest.get', 'blob.get'], (response) =>
      withHeaders(response, { 'content-encoding': ['x-gzip'] }),
    ),
  },
  // id: artifactory-json-type
  { name: 'Artifactory: manifests are application/json', quirk: typed(['application/json']) },
  { name: 'manifests without a type', quirk: typed([]) },
  {
    // id: accept-all-types
    name: 'Docker Hub, Quay, distribution: 404 or schema 1 for a client that does not accept all types',
    quirk: refuses(({ kind }, { headers }) => {
      const accept = headerValue(headers, 'accept') ?? '';
      return looks.includes(kind) && !wanted.every((type) => accept.includes(type))
        ? errorAnswer(
            'MANIFEST_UNKNOWN',
            'OCI manifest found, but accept header does not support OCI manifests',
          )
        : undefined;
    }),
  },
  {
    // id: cloudflare-no-content-length
    name: 'Cloudflare: no Content-Length',
    quirk: answers([...looks, 'blob.get', 'blob.head', 'tags.list'], (response) =>
      withHeaders(response, { 'content-length': [] }),
    ),
  },
  {
    // id: docker-hub-blobs-elsewhere
    name: 'Docker Hub: blobs from elsewhere',
    ...moved('https://production.cloudflare.docker.com/registry-v2'),
  },
  {
    // id: acr-blob-storage
    name: 'ACR: blobs from a storage that refuses an Authorization',
    registry: 'acme.azurecr.io',
    ...moved('https://weu.blob.core.windows.net/registry'),
    quirk: all(
      door({ challenge: ['Bearer realm="https://acme.azurecr.io/token",service="acme.azurecr.io"'] }),
      refuses((operation) =>
        operation.kind === 'blob.get'
          ? answer(307, {
              location: [`https://weu.blob.core.windows.net/registry/${operation.digest}${signed}`],
            })
          : undefined,
      ),
    ),
  },
];

describe('a read of an image at a registry with a habit', () => {
  for (const { name, ...habit } of habits) {
    it(`every byte of an image is read with this habit: ${name}`, async () => {
      const made = await withImage(habit);
      const digest = (await made.inside.manifests.resolve('v1'))?.digest;
      assert.equal(await readsWhole(made), digest);
      assert.deepEqual(await listOf(made.client.tags(made.name)), ['v1']);
    });
  }

  // id: size-changed-by-proxy
  it('a size that a proxy has changed is not used', async () => {
    const { client, name, inside } = await withImage({ quirk: gzips });
    assert.deepEqual(await client.getDescriptor(`${name}:v1`), await inside.manifests.resolve('v1'));
  });
});

const parted = (type: string): Middleware =>
  refuses(({ kind }, { headers }) =>
    kind === 'blob.get' && headerValue(headers, 'range') !== undefined
      ? answer(206, { 'content-type': [type] }, new TextEncoder().encode('--a:b'))
      : undefined,
  );

describe('a part of a blob', () => {
  // id: cloudfront-multipart-ranges
  it('CloudFront: a part of a blob is read from the whole if it comes as multipart', async () => {
    const quirk = parted('multipart/byteranges; boundary=CloudFront:3F750DE58C0D');
    const { client, name } = await withImage({ quirk });
    const content = client.openBlob(`${name}@${digestOf(layer)}`);
    assert.deepEqual(
      Buffer.from(await read(content, { from: 10, to: 20 })),
      Buffer.from(layer.subarray(10, 20)),
    );
  });

  // id: distribution-cut-at-missing
  it('distribution 2.8, which ends the connection for a Range beyond the end: gantry never sends such a Range', async () => {
    const { client, name, asked } = await withImage({ quirk: (next) => next });
    const { size } = (await (await client.getImage(`${name}:v1`)).layers())[0]?.compressed() ?? {};
    assert.equal(size, layer.byteLength);
    await read(client.openBlob(`${name}@${digestOf(layer)}`), { from: layer.byteLength - 1 });
    const ranges = asked
      .map(({ headers }) => headerValue(headers, 'range'))
      .filter((range) => range !== undefined);
    assert.deepEqual(ranges, [`bytes=${layer.byteLength - 1}-`]);
  });
});

describe('a web page for an answer', () => {
  // id: artifact-registry-no-referrers
  it('Artifact Registry: a web page in place of a list means no referrers', async () => {
    const { client, name } = await withImage({
      quirk: refuses(({ kind }) => (kind === 'referrers' ? page() : undefined)),
    });
    assert.deepEqual(await listOf(client.referrers(`${name}:v1`)), []);
  });

  // id: artifact-registry-referrers-redirect
  it('Artifact Registry: a redirect to a web page means no referrers', async () => {
    const { client, name } = await withImage({
      quirk: refuses(({ kind }) =>
        kind === 'referrers' ? answer(302, { location: ['https://accounts.google.com/signin'] }) : undefined,
      ),
      elsewhere: () => page(),
    });
    assert.deepEqual(await listOf(client.referrers(`${name}:v1`)), []);
  });

  // id: gitlab-missing-404
  it('GitLab: a web page with 404 means no referrers', async () => {
    const { client, name } = await withImage({
      quirk: refuses(({ kind }) => (kind === 'referrers' ? page(404) : undefined)),
    });
    assert.deepEqual(await listOf(client.referrers(`${name}:v1`)), []);
  });

  // id: captive-portal
  it('a captive portal: its web page is refused by every verb', async () => {
    const { client, name } = await withImage({ quirk: () => async () => page() });
    await failsWith(client.getManifest(`${name}:v1`), 'MANIFEST_INVALID');
    await failsWith(client.inspect(`${name}:v1`), 'MANIFEST_INVALID');
    await failsWith(listOf(client.tags(name)), 'UNEXPECTED_ANSWER');
    await failsWith(listOf(client.catalog('registry.test')), 'UNEXPECTED_ANSWER');
    await failsWith(read(client.openBlob(`${name}@${digestOf(layer)}`)), 'DIGEST_INVALID');
  });
});
