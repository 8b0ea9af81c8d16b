import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UnsupportedError } from '../../src/errors.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { folder } from '../folder.ts';
import { clientOf, codeOf, home, net, registry, reply, served } from './net.ts';

/** Docker's first format: gantry names it in the error, and refuses it as an image. Its bytes can be read. */

const payload = `{
   "schemaVersion": 1,
   "name": "app",
   "tag": "1",
   "architecture": "amd64",
   "fsLayers": [{ "blobSum": "sha256:${'a'.repeat(64)}" }],
   "history": [{ "v1Compatibility": "{}" }]
}`;
const cut = payload.length - 2;
const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const sealed = JSON.stringify({
  formatLength: cut,
  formatTail: base64url('\n}'),
  time: '2015-01-01T00:00:00Z',
});
const signed = `${payload.slice(0, cut)},
   "signatures": [{ "header": {}, "signature": "x", "protected": "${base64url(sealed)}" }]
}`;
const digest = digestOf(new TextEncoder().encode(payload));

const forms = [
  ['signed', signed, MediaType.schema1Signed],
  ['unsigned', payload, MediaType.schema1],
] as const;

for (const [name, body, type] of forms) {
  const headers = { 'content-type': `${type}; charset=utf-8`, 'docker-content-digest': digest };
  const hosts = () =>
    net({
      [home]: async ({ method, url }) =>
        url.includes('/manifests/')
          ? reply(200, { ...headers, 'content-length': String(body.length) }, method === 'HEAD' ? '' : body)
          : reply(404),
      'https://to.example': served(),
    });

  describe(`an image of docker schema 1, ${name}`, () => {
    it('an image of schema 1 is read raw, by tag and by the digest of its signed part', async (test) => {
      const client = clientOf(test, hosts());
      for (const reference of [`${registry}/app:1`, `${registry}/app@${digest}`]) {
        const { bytes, descriptor } = await client.getManifest(reference);
        assert.equal(new TextDecoder().decode(bytes), body);
        assert.equal(descriptor.digest, digest);
        assert.equal(descriptor.mediaType, type);
      }
    });

    it('an image of schema 1 is refused with advice by verbs that need an image', async (test) => {
      const client = clientOf(test, hosts());
      const name = `${registry}/app:1`;
      for (const ask of [
        () => client.getImage(name),
        () => client.getConfig(name),
        () => client.inspect(name),
      ]) {
        await assert.rejects(
          ask(),
          (error) => error instanceof UnsupportedError && error.operation === 'schema 1',
        );
      }
      const findings = await listOf(client.validate(name));
      assert.equal(findings.filter(({ problem }) => problem !== undefined).length, 1);
    });

    it('an image of schema 1 is neither pulled nor copied, since its layers would stay behind', async (test) => {
      const asked = hosts();
      const client = clientOf(test, asked);
      const dir = await folder(test);
      const name = `${registry}/app:1`;
      for (const bring of [
        () => client.pull([name], join(dir, 'image.tar')),
        () => client.pull([name], join(dir, 'image.tar'), { format: 'legacy' }),
        () => client.pull([name], join(dir, 'layout'), { format: 'oci' }),
        () => client.copy(name, 'to.example/app:1'),
      ]) {
        assert.equal(await codeOf(bring()), 'UNSUPPORTED');
      }
      assert.deepEqual(await readdir(dir), []);
      assert.ok(asked.at('https://to.example').every(({ method }) => method === 'GET' || method === 'HEAD'));
    });
  });
}

describe('a signed manifest of docker schema 1', () => {
  it('a manifest of schema 1 that was changed after it was signed is refused', async (test) => {
    const body = signed.replace('"tag": "1"', '"tag": "2"');
    const headers = { 'content-type': MediaType.schema1Signed, 'docker-content-digest': digest };
    const client = clientOf(test, net({ [home]: async () => reply(200, headers, body) }));
    assert.equal(await codeOf(client.getManifest(`${registry}/app:1`)), 'DIGEST_INVALID');
  });

  it('a manifest of schema 1 that is also an image is refused', async (test) => {
    const body = signed.replace('"name"', `"mediaType": "${MediaType.ociManifest}", "layers": [], "name"`);
    const client = clientOf(
      test,
      net({ [home]: async () => reply(200, { 'content-type': MediaType.schema1Signed }, body) }),
    );
    assert.equal(await codeOf(client.getManifest(`${registry}/app:1`)), 'MANIFEST_INVALID');
  });
});
