import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createLine } from '../../src/http/line.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import type { Digest } from '../../src/spec/digest.ts';
import type { Blobs, Registry, Repository } from '../../src/store/contract.ts';
import { readOnlyRepository } from '../../src/store/read-only.ts';
import { blobOf, failsWith, give, read } from '../../src/testing/contract/sample.ts';
import { registryContract } from '../../src/testing/contract.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { as, guardedApp } from '../server/access-stage.ts';

const blob = blobOf('hello, blob');
const absent = blobOf('absent').descriptor.digest;

/** The uses of the bytes of a place. */
interface Uses {
  located: number;
  opened: number;
}

/** Wraps a place, so that it names a URL of another server for each of its blobs. */
function locating(registry: Registry, base: string, uses: Uses): Registry {
  const wrap = (name: string, blobs: Blobs): Blobs => ({
    ...blobs,
    open(wanted) {
      uses.opened++;
      return blobs.open(wanted);
    },
    async locate(digest: Digest, options) {
      uses.located++;
      const found = await blobs.stat(digest, options);
      return found === undefined ? undefined : `${base}/v2/${name}/blobs/${digest}`;
    },
  });
  return {
    repositories: (options) => registry.repositories(options),
    repository(name, intent): Repository {
      const repository = registry.repository(name, intent);
      return { ...repository, blobs: wrap(name, repository.blobs) };
    },
  };
}

interface Stage {
  /** The server that has the bytes, like the URLs of an object store. */
  readonly bytes: TestRegistry;
  readonly located: Registry;
  readonly uses: Uses;
}

async function stage(test: TestContext): Promise<Stage> {
  const registry = createMemoryRegistry();
  const bytes = await startRegistry({ registry });
  atEnd(test, () => bytes.close());
  const uses = { located: 0, opened: 0 };
  return { bytes, located: locating(registry, bytes.url, uses), uses };
}

/** Returns a client over a server over the place, with the line that follows redirects. */
async function clientOf(test: TestContext, located: Registry): Promise<Registry> {
  const server = await startRegistry({ registry: located });
  const transport = createNodeTransport();
  atEnd(test, async () => {
    await transport.close();
    await server.close();
  });
  return createRemoteRegistry({ base: server.url, send: createLine({ transport: transport.send }) });
}

registryContract('client over a server that redirects to located blobs', async (test) =>
  clientOf(test, (await stage(test)).located),
);

describe('a server over a place that locates blobs', () => {
  it('a GET is redirected, and only the other server reads the blob, once', async (test) => {
    const { bytes, located, uses } = await stage(test);
    await give(located.repository('app'), blob);
    const { blobs } = (await clientOf(test, located)).repository('app');
    assert.deepEqual(await read(blobs.open(blob.descriptor)), blob.bytes);
    assert.deepEqual(uses, { located: 1, opened: 0 });
    assert.deepEqual(
      bytes.requests.map(({ method, url }) => `${method} ${new URL(url, bytes.url).pathname}`),
      [`GET /v2/app/blobs/${blob.descriptor.digest}`],
    );
  });

  it('a GET of a part is redirected, and the other server gets the range', async (test) => {
    const { bytes, located, uses } = await stage(test);
    await give(located.repository('app'), blob);
    const { blobs } = (await clientOf(test, located)).repository('app');
    assert.deepEqual(await read(blobs.open(blob.descriptor), { from: 7, to: 11 }), blob.bytes.slice(7, 11));
    assert.equal(uses.opened, 0);
    assert.equal(bytes.requests.length, 1);
  });

  it('the answer names the digest and the URL, and must not be kept', async (test) => {
    const { bytes, located } = await stage(test);
    await give(located.repository('app'), blob);
    const server = await startRegistry({ registry: located });
    atEnd(test, () => server.close());
    const { digest, size } = blob.descriptor;
    const url = `${server.url}/v2/app/blobs/${digest}`;
    const answer = await fetch(url, { redirect: 'manual' });
    assert.equal(answer.status, 307);
    assert.equal(answer.headers.get('location'), `${bytes.url}/v2/app/blobs/${digest}`);
    assert.equal(answer.headers.get('docker-content-digest'), digest);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const head = await fetch(url, { method: 'HEAD', redirect: 'manual' });
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(size)]);
    const known = await fetch(url, { headers: { 'if-none-match': `"${digest}"` }, redirect: 'manual' });
    assert.equal(known.status, 304);
    const missing = await fetch(`${server.url}/v2/app/blobs/${absent}`, { redirect: 'manual' });
    assert.equal(missing.status, 404);
    assert.deepEqual(bytes.requests, []);
  });

  it('a missing blob is BLOB_UNKNOWN', async (test) => {
    const { located } = await stage(test);
    const { blobs } = (await clientOf(test, located)).repository('app');
    await failsWith(read(blobs.open(absent)), 'BLOB_UNKNOWN');
  });

  it('a client that may not read gets no URL, and one that may read gets it', async (test) => {
    const { bytes, located, uses } = await stage(test);
    await give(located.repository('app'), blob);
    const { ask } = await guardedApp({ users: ['reader'], registry: located });
    const { digest } = blob.descriptor;
    const target = `/v2/app/blobs/${digest}`;
    assert.equal((await ask('GET', target)).status, 401);
    assert.equal(uses.located, 0);
    const allowed = await ask('GET', target, as('reader'));
    assert.equal(allowed.status, 307);
    assert.equal(allowed.header('location'), `${bytes.url}/v2/app/blobs/${digest}`);
  });

  it('a read-only view of the place locates its blobs, too', async (test) => {
    const { bytes, located } = await stage(test);
    const repository = located.repository('app');
    await give(repository, blob);
    const { digest } = blob.descriptor;
    const view = readOnlyRepository(repository).blobs;
    assert.equal(await view.locate?.(digest), `${bytes.url}/v2/app/blobs/${digest}`);
    assert.equal(await view.locate?.(absent), undefined);
    assert.equal('locate' in readOnlyRepository(createMemoryRegistry().repository('a')).blobs, false);
  });
});
