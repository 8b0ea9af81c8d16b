import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { atEnd } from '../at-end.ts';
import { operationOf, withHeaders } from '../faults/spoil.ts';
import { listening } from '../listening.ts';
import { stage, withImage } from '../quirks/stage.ts';

/** Redirects to other hosts, and stores behind them that refuse some requests. */

const image = (size: number) =>
  createImage({
    config: { os: 'linux', architecture: 'amd64' },
    layers: [createLayer(bytesContent(noise(size)))],
  });

/** Starts a server that redirects every request to `to`. */
async function sendsOn(test: TestContext, status: number, to: string): Promise<string> {
  const server = http.createServer((request, response) => {
    response.writeHead(status, { location: `${to}${request.url}`, 'content-length': 0 }).end();
    request.resume();
  });
  return `127.0.0.1:${await listening(test, server)}`;
}

const relative: Middleware = (next) => async (request) => {
  const response = await next(request);
  const location = headerValue(response.headers, 'location');
  if (request.method !== 'POST' || location === undefined) return response;
  // The path as seen from `/v2/acme/app/blobs/uploads/`.
  return withHeaders(response, { location: [`../../../../../${location.replace(/^\//, '')}`] });
};

describe('a registry that sends a push to another', () => {
  for (const status of [307, 308]) {
    for (const chunkSize of [undefined, 100_000]) {
      it(`post-redirected: a push ${chunkSize === undefined ? 'in one request' : 'in chunks'} that is redirected with ${status} ends at the other registry`, async (test) => {
        await using there = await startRegistry();
        const host = await sendsOn(test, status, there.url);
        const client = createClient({
          keychain: async () => undefined,
          ...(chunkSize === undefined ? {} : { upload: { chunkSize, chunkThreshold: chunkSize } }),
        });
        atEnd(test, () => client[Symbol.asyncDispose]());
        const pushed = await client.pushImage(`${host}/app:1`, image(300_000));
        const found = await there.registry.repository('app').manifests.resolve('1');
        assert.equal(found?.digest, pushed.digest);
        assert.equal((await client.getDescriptor(`${host}/app:1`)).digest, pushed.digest);
      });
    }
  }

  it('relative-location: an upload goes on at a Location with ../', async () => {
    const { client, name, inside } = stage({ quirk: relative });
    const pushed = await client.pushImage(`${name}:1`, image(1000));
    assert.equal((await inside.manifests.resolve('1'))?.digest, pushed.digest);
  });
});

const store = 'https://store.test';
const home = 'https://registry.test';
const moved = ['blob.head', 'blob.get', 'manifest.head', 'manifest.get'];

/** Keeps content in a store that answers a GET and refuses a HEAD, and perhaps a Range. */
function storing({ status, honoursRange }: { readonly status: number; readonly honoursRange: boolean }) {
  const memory = createMemoryRegistry();
  const app = createApp(memory);
  const asked: string[] = [];
  const retry = { attempts: 1 };
  const client = createClient({
    keychain: async () => undefined,
    retry: { ...retry, uploads: retry, downloads: retry },
    async transport(request) {
      const inner = { ...request, url: request.url.replace(/^https:\/\/[^/]*/, '') };
      asked.push(`${request.method} ${request.url}`);
      if (request.url.startsWith(store)) {
        const isPart = headerValue(request.headers, 'range') !== undefined;
        if (request.method === 'HEAD' || (isPart && !honoursRange)) return answer(status);
        return app(inner);
      }
      assert.ok(request.url.startsWith(home), request.url);
      const kind = operationOf(inner)?.kind;
      if (kind !== undefined && moved.includes(kind)) {
        return answer(307, { location: [`${store}${inner.url}`] });
      }
      return app(inner);
    },
  });
  return { client, memory, asked };
}

describe('a HEAD that a store behind a redirect refuses', () => {
  for (const status of [400, 401, 403, 404, 405, 501]) {
    for (const honoursRange of [true, false]) {
      it(`head-refused: a GET follows a HEAD that is refused with ${status}, at a store that ${honoursRange ? 'honours' : 'refuses'} Range`, async () => {
        const { client, memory, asked } = storing({ status, honoursRange });
        const pushed = await client.pushImage('registry.test/app:1', image(300_000));
        assert.equal((await memory.repository('app').manifests.resolve('1'))?.digest, pushed.digest);
        assert.equal(await client.exists('registry.test/app:1'), true);
        assert.equal(await client.exists('registry.test/app:2'), false);
        const manifest = await client.getManifest('registry.test/app:1');
        assert.deepEqual(await client.getDescriptor('registry.test/app:1'), manifest.descriptor);
        assert.ok(manifest.body.kind === 'image');
        for (const { digest } of [manifest.body.config, ...manifest.body.layers]) {
          assert.equal(await client.blobExists('registry.test/app', digest), true);
        }
        assert.equal(await client.blobExists('registry.test/app', `sha256:${'0'.repeat(64)}`), false);
        asked.length = 0;
        await client.copy('registry.test/app:1', 'registry.test/to:1');
        assert.equal((await memory.repository('to').manifests.resolve('1'))?.digest, pushed.digest);
      });
    }
  }

  for (const status of [400, 405, 501]) {
    it(`head-refused: a GET follows a HEAD that the registry itself refuses with ${status}`, async () => {
      const { client, name } = await withImage({
        quirk: (next) => async (request) => (request.method === 'HEAD' ? answer(status) : next(request)),
      });
      assert.equal(await client.exists(`${name}:v1`), true);
      const { body } = await client.getManifest(`${name}:v1`);
      assert.ok(body.kind === 'image');
      assert.equal(await client.blobExists(name, body.config.digest), true);
    });
  }
});
