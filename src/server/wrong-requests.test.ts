import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import { type Ask, asking, digestText, ociManifest, pushBlob, pushImage } from './ask.test.support.ts';

const digest = digestText('layer');

async function filled(): Promise<Ask> {
  const ask = asking(createApp(createMemoryRegistry()));
  await pushImage(ask, 'app', '1');
  return ask;
}

/** Each endpoint, and the methods that it does not have. */
const endpoints: readonly (readonly [path: string, methods: string])[] = [
  ['/v2/', 'POST PUT PATCH DELETE'],
  ['/v2/_catalog', 'POST PUT PATCH DELETE'],
  ['/v2/app/tags/list', 'POST PUT PATCH DELETE'],
  [`/v2/app/referrers/${digest}`, 'POST PUT PATCH DELETE'],
  ['/v2/app/manifests/1', 'POST PATCH'],
  [`/v2/app/blobs/${digest}`, 'POST PUT PATCH'],
  ['/v2/app/blobs/uploads/', 'GET PUT PATCH DELETE'],
];

describe('requests that an endpoint does not have', () => {
  for (const [path, methods] of endpoints) {
    for (const method of [...methods.split(' '), 'TRACE', 'PROPFIND', 'get']) {
      it(`${method} ${path.replace(digest, 'DIGEST')} is refused and changes nothing`, async () => {
        const ask = await filled();
        const refused = await ask(method, path, { body: 'x', headers: { 'content-type': ociManifest } });
        assert.ok(refused.status === 405 || refused.status === 404, `${refused.status}`);
        assert.equal((await ask('GET', '/v2/app/manifests/1')).status, 200);
        assert.equal((await ask('GET', `/v2/app/blobs/${digest}`)).text, 'layer');
        assert.equal((await ask('GET', '/v2/_catalog')).text, '{"repositories":["app"]}');
      });
    }
  }

  const odd: readonly string[] = [
    '/v2/app%2Fb/tags/list',
    '/v2/app/../app/tags/list',
    '/v2/%61pp/manifests/1%00',
    '/v2//manifests/1',
    '/v2/app//manifests/1',
    '/v2/APP/tags/list',
    '/v2/app/manifests/%',
    '/v2/app/manifests/1/',
    '/v2/app/manifests/1;x=y',
    '/v2/app/blobs/sha256:abc',
    `/v2/app/blobs/${digest.toUpperCase()}`,
    `/v2/app/blobs/${digest}/`,
    '/v1/app/manifests/1',
    '/v2/é/manifests/1',
    '/v2/app\\manifests\\1',
  ];
  for (const path of odd) {
    it(`GET ${path.replace(digest, 'DIGEST')} finds nothing and has an error in the form of the specification`, async () => {
      const answer = await (await filled())('GET', path);
      assert.ok(answer.status === 404 || answer.status === 400, `${answer.status}`);
      const { errors } = JSON.parse(answer.text);
      assert.match(errors[0].code, /^[A-Z_]+$/);
    });
  }
});

describe('a whole blob in one request', () => {
  const bodies: readonly (readonly [what: string, body: string])[] = [
    ['shorter', 'lay'],
    ['longer', 'layers'],
    ['empty', ''],
    ['other', 'LAYER'],
  ];
  for (const [what, body] of bodies) {
    it(`POST of a blob with a body that is ${what} than its digest says stores nothing`, async () => {
      const ask = asking(createApp(createMemoryRegistry()));
      const answer = await ask('POST', `/v2/app/blobs/uploads/?digest=${digest}`, { body });
      assert.equal(answer.status, 400);
      assert.equal((await ask('HEAD', `/v2/app/blobs/${digest}`)).status, 404);
      // The same client can send the right bytes at once.
      assert.equal(await pushBlob(ask, 'app', 'layer'), digest);
    });
  }
});
