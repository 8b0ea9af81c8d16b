import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manifestLimit } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import {
  type Ask,
  type Asked,
  asking,
  assertRefused,
  digestText,
  imageText,
  ociIndex,
  ociManifest,
  pushBlob,
  pushImage,
  streamOf,
} from './ask.test.support.ts';

function newRegistry(): Ask {
  return asking(createApp(createMemoryRegistry()));
}

function put(ask: Ask, reference: string, body: string, type: string = ociManifest): Promise<Asked> {
  return ask('PUT', `/v2/a/manifests/${reference}`, { body, headers: { 'content-type': type } });
}

describe('end-3, GET of a manifest', () => {
  it('GET of a manifest returns the exact bytes and the type, by tag and by digest', async () => {
    const ask = newRegistry();
    const spaced = `${imageText().replaceAll(',', ' ,\n')}\n`;
    await pushImage(ask, 'a', 'v1');
    assert.equal((await put(ask, 'v2', spaced)).status, 201);
    const digest = digestText(spaced);
    for (const reference of ['v2', digest]) {
      const answer = await ask('GET', `/v2/a/manifests/${reference}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.text, spaced);
      assert.equal(answer.header('content-type'), ociManifest);
      assert.equal(answer.header('docker-content-digest'), digest);
      assert.equal(answer.header('x-content-type-options'), 'nosniff');
    }
  });

  it('GET of a manifest returns no body to a client that has it', async () => {
    const ask = newRegistry();
    const { digest } = await pushImage(ask, 'a', 'v1');
    const headers = { 'if-none-match': `"${digest}"` };
    assert.equal((await ask('GET', '/v2/a/manifests/v1', { headers })).status, 304);
    assert.equal((await ask('HEAD', '/v2/a/manifests/v1', { headers })).status, 304);
  });

  it('GET of a manifest ignores the Accept header', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', 'v1');
    const answer = await ask('GET', '/v2/a/manifests/v1', { headers: { accept: 'text/html' } });
    assert.equal(answer.header('content-type'), ociManifest);
  });

  it('GET of a missing manifest is 404', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', 'v1');
    assertRefused(await ask('GET', '/v2/a/manifests/v2'), 404, 'MANIFEST_UNKNOWN');
    assertRefused(await ask('GET', `/v2/b/manifests/${digestText('')}`), 404, 'MANIFEST_UNKNOWN');
  });
});

describe('end-7, PUT of a manifest', () => {
  it('PUT of a manifest returns its Location, by its digest', async () => {
    const ask = newRegistry();
    const { answer, digest, text } = await pushImage(ask, 'a', 'v1');
    assert.equal(answer.status, 201);
    assert.equal(answer.header('location'), `/v2/a/manifests/${digest}`);
    assert.equal(answer.header('docker-content-digest'), digest);
    assert.equal(answer.header('oci-subject'), undefined);
    assert.equal((await ask('GET', answer.header('location') ?? '')).text, text);
  });

  it('PUT of a manifest stores it under sha512 if the request names that', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', 'v1');
    const digest = digestText(imageText(), 'sha512');
    const answer = await put(ask, digest, imageText());
    assert.equal(answer.status, 201);
    assert.equal(answer.header('docker-content-digest'), digest);
    const got = await ask('GET', `/v2/a/manifests/${digest}`);
    assert.equal(got.header('docker-content-digest'), digest);
  });

  it('PUT of a manifest sets the tags beside a digest and reports them (end-7b)', async () => {
    const ask = newRegistry();
    const { digest } = await pushImage(ask, 'a', undefined);
    const answer = await put(ask, `${digest}?tag=x&tag=y`, imageText());
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.lines('oci-tag'), ['x', 'y']);
    assert.equal((await ask('GET', '/v2/a/manifests/y')).header('docker-content-digest'), digest);
  });

  it('PUT of a manifest moves a tag', async () => {
    const ask = newRegistry();
    const first = await pushImage(ask, 'a', 'v1');
    const second = await pushImage(ask, 'a', 'v1', { annotations: { a: '1' } });
    assert.equal((await ask('GET', '/v2/a/manifests/v1')).text, second.text);
    assert.equal((await ask('GET', `/v2/a/manifests/${first.digest}`)).status, 200);
  });

  it('PUT of a manifest confirms the subject, which may be missing', async () => {
    const subject = { mediaType: ociManifest, digest: digestText('nothing'), size: 7 };
    const { answer } = await pushImage(newRegistry(), 'a', 'v1', { subject });
    assert.equal(answer.status, 201);
    assert.equal(answer.header('oci-subject'), subject.digest);
  });

  it('PUT of a manifest accepts an index, empty, nested or sparse', async () => {
    const ask = newRegistry();
    const missing = { mediaType: ociManifest, digest: digestText('missing'), size: 7 };
    for (const manifests of [[], [missing], [{ ...missing, mediaType: ociIndex }]]) {
      const body = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests });
      const answer = await put(ask, 'v1', body, ociIndex);
      assert.equal(answer.status, 201);
      assert.equal((await ask('HEAD', '/v2/a/manifests/v1')).header('content-type'), ociIndex);
    }
  });

  it('PUT of a manifest accepts an image without layers, with unknown fields, and with foreign layers', async () => {
    const ask = newRegistry();
    const foreign = {
      mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
      digest: digestText('never'),
      size: 5,
      urls: ['https://example.com/x'],
    };
    assert.equal((await pushImage(ask, 'a', 'v1', { layers: [] })).answer.status, 201);
    assert.equal(
      (await pushImage(ask, 'a', 'v2', { layers: [foreign], 'org.example': {} })).answer.status,
      201,
    );
  });

  it('PUT of a manifest ignores parameters of the type', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', 'v1');
    assert.equal((await put(ask, 'v2', imageText(), `${ociManifest}; charset=utf-8`)).status, 201);
    assert.equal((await ask('GET', '/v2/a/manifests/v2')).header('content-type'), ociManifest);
  });

  it('PUT of a manifest refuses an image whose config or layer is missing', async () => {
    const ask = newRegistry();
    assertRefused(await put(ask, 'v1', imageText()), 404, 'MANIFEST_BLOB_UNKNOWN');
    await pushBlob(ask, 'a', '{}');
    assertRefused(await put(ask, 'v1', imageText()), 404, 'MANIFEST_BLOB_UNKNOWN');
    await pushBlob(ask, 'b', 'layer');
    assertRefused(await put(ask, 'v1', imageText()), 404, 'MANIFEST_BLOB_UNKNOWN');
    assert.equal((await ask('HEAD', '/v2/a/manifests/v1')).status, 404);
  });

  it('PUT of a manifest accepts an image without its blobs if images may be sparse', async () => {
    const ask = asking(createApp(createMemoryRegistry(), { sparse: true }));
    assert.equal((await put(ask, 'v1', imageText())).status, 201);
    assert.equal((await ask('GET', '/v2/a/manifests/v1')).text, imageText());
  });

  const both = JSON.stringify({ ...JSON.parse(imageText()), manifests: [] });
  const untyped = JSON.stringify({ ...JSON.parse(imageText()), mediaType: undefined });
  const refused: readonly [name: string, reference: string, body: string, type: string, code: string][] = [
    ['whose digest is another', digestText('x'), imageText(), ociManifest, 'DIGEST_INVALID'],
    ['under a digest that can not be computed', 'x:1', imageText(), ociManifest, 'DIGEST_INVALID'],
    ['whose type is not what it says it is', 'v1', imageText(), ociIndex, 'MANIFEST_INVALID'],
    ['that is not JSON', 'v1', 'hello', ociManifest, 'MANIFEST_INVALID'],
    ['that is nothing', 'v1', '', ociManifest, 'MANIFEST_INVALID'],
    ['that is no object', 'v1', '[]', ociManifest, 'MANIFEST_INVALID'],
    ['that is image and index in one', 'v1', both, ociManifest, 'MANIFEST_INVALID'],
    ['that has a key twice', 'v1', '{"schemaVersion":2,"schemaVersion":2}', ociManifest, 'MANIFEST_INVALID'],
    ['of a type that is a page', 'v1', '{"a":"<script>"}', 'text/html', 'MANIFEST_INVALID'],
    ['under a tag that is none', '.v1', imageText(), ociManifest, 'TAG_INVALID'],
    ['under a digest that is none', 'sha256:baddigeststring', imageText(), ociManifest, 'DIGEST_INVALID'],
  ];
  for (const [name, reference, body, type, code] of refused) {
    it(`PUT of a manifest refuses one ${name}`, async () => {
      const ask = newRegistry();
      await pushImage(ask, 'a', 'there');
      assertRefused(await put(ask, reference, body, type), 400, code);
    });
  }

  it('PUT of a manifest accepts one with a type only in the document, or only in the Content-Type', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', 'v1');
    assert.equal((await ask('PUT', '/v2/a/manifests/v2', { body: imageText() })).status, 201);
    assert.equal((await put(ask, 'v3', untyped)).status, 201);
    assert.equal((await ask('GET', '/v2/a/manifests/v3')).header('content-type'), ociManifest);
  });

  it('PUT of a manifest refuses one that is too large, before or while it arrives', async () => {
    const ask = newRegistry();
    const body = new Uint8Array(manifestLimit + 1).fill(0x20);
    const headers = { 'content-type': ociManifest };
    assertRefused(await ask('PUT', '/v2/a/manifests/v1', { body, headers }), 413, 'SIZE_INVALID');
    const megabyte = ' '.repeat(1024 * 1024);
    const long = streamOf([megabyte, megabyte, megabyte, megabyte, ' ']);
    assertRefused(await ask('PUT', '/v2/a/manifests/v1', { body: long, headers }), 413, 'SIZE_INVALID');
  });

  it('PUT of a manifest accepts one of the largest permitted size', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', 'v1');
    const body = imageText().padEnd(manifestLimit, ' ');
    assert.equal((await put(ask, 'v2', body)).status, 201);
    assert.equal((await ask('GET', '/v2/a/manifests/v2')).bytes.byteLength, manifestLimit);
  });
});

describe('end-9, DELETE of a manifest', () => {
  it('DELETE of a tag keeps the manifest', async () => {
    const ask = newRegistry();
    const { digest } = await pushImage(ask, 'a', 'v1');
    assert.equal((await ask('DELETE', '/v2/a/manifests/v1')).status, 202);
    assert.equal((await ask('GET', '/v2/a/manifests/v1')).status, 404);
    assert.equal((await ask('GET', `/v2/a/manifests/${digest}`)).status, 200);
    assertRefused(await ask('DELETE', '/v2/a/manifests/v1'), 404, 'MANIFEST_UNKNOWN');
  });

  it('DELETE of a digest removes its tags', async () => {
    const ask = newRegistry();
    const { digest } = await pushImage(ask, 'a', 'v1');
    assert.equal((await ask('DELETE', `/v2/a/manifests/${digest}`)).status, 202);
    assert.equal((await ask('GET', '/v2/a/manifests/v1')).status, 404);
    assertRefused(await ask('DELETE', `/v2/a/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
  });
});
