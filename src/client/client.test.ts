import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { atEnd } from '../../test/at-end.ts';
import { listening } from '../../test/listening.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import type { WireEvent } from '../http/event.ts';
import { fetchTransport } from '../http/fetch-transport.ts';
import { createImage } from '../image/create.ts';
import { createIndex } from '../image/create-index.ts';
import type { Image } from '../image/image.ts';
import { createLayer } from '../image/layer.ts';
import { parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { MediaType } from '../spec/media-type.ts';
import { blobOf, failsWith, give, giveImage, indexOf, listOf, read } from '../testing/contract/sample.ts';
import { startRegistry, type TestRegistry } from '../testing/start-registry.ts';
import { type Client, type ClientOptions, createClient } from './client.ts';

/** No login and one attempt, so that each failure shows at once. */
const alone: ClientOptions = { keychain: async () => undefined, retry: { attempts: 1 } };

async function open(
  test: TestContext,
  options: ClientOptions = {},
): Promise<{ client: Client; registry: TestRegistry }> {
  const registry = await startRegistry();
  const client = createClient({ ...alone, ...options });
  atEnd(test, async () => {
    await client[Symbol.asyncDispose]();
    await registry.close();
  });
  return { client, registry };
}

function makeImage(text: string, architecture = 'amd64'): Image {
  return createImage({
    config: { os: 'linux', architecture, config: { Labels: { text } } },
    layers: [createLayer(bytesContent(gzipSync(text)))],
  });
}

const platform = (architecture: string) => ({ os: 'linux', architecture });

const makeIndex = () =>
  createIndex(['arm64', 'amd64'].map((name) => ({ image: makeImage(name, name), platform: platform(name) })));

/** Serves requests with `answer`, on a free port. */
async function serve(test: TestContext, answer: RequestListener): Promise<string> {
  return `127.0.0.1:${await listening(test, createServer(answer))}`;
}

const notFound: readonly RequestListener[] = [
  (_, to) => to.writeHead(404).end(),
  (_, to) => to.writeHead(404, { 'content-type': 'text/html' }).end('<html><h1>404 Not Found</h1></html>'),
  (_, to) =>
    to.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"NAME_UNKNOWN"}]}'),
];

/** The verbs that read one image. */
const verbs = ['inspect', 'getManifest', 'getDescriptor', 'getConfig', 'getImage'] as const;

describe('the verbs that read', () => {
  it('close() ends the connections of a client, and a second close() does nothing', async (test) => {
    const { client, registry } = await open(test);
    assert.deepEqual(await listOf(client.catalog(registry.host)), []);
    await client.close();
    await client.close();
  });

  // id: inspect-image
  it('inspect describes an image', async (test) => {
    const { client, registry } = await open(test);
    const name = `${registry.host}/acme/app:1`;
    const image = makeImage('hello');
    const pushed = await client.pushImage(name, image);
    const { body, descriptor } = await image.manifest();
    assert.deepEqual(pushed, descriptor);
    assert.deepEqual(await client.inspect(name), {
      kind: 'image',
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      digest: descriptor.digest,
      size: descriptor.size,
      config: body.config.digest,
      layers: body.layers,
      labels: { text: 'hello' },
    });
    assert.deepEqual(await client.getDescriptor(name), descriptor);
    assert.deepEqual((await client.getManifest(name)).bytes, (await image.manifest()).bytes);
    assert.deepEqual(await client.getConfig(name), await image.rawConfig());
    assert.equal(await client.exists(name), true);
    const [layer] = body.layers;
    assert.ok(layer);
    assert.equal(await client.blobExists(`${registry.host}/acme/app`, layer.digest), true);
    const blob = await read(client.openBlob(`${registry.host}/acme/app@${layer.digest}`));
    assert.equal(digestOf(blob), layer.digest);
    const [view] = await (await client.getImage(name)).layers();
    assert.equal(new TextDecoder().decode(await read(view?.uncompressed() ?? bytesContent(blob))), 'hello');
  });

  // id: inspect-index
  it('inspect describes an index, and with a platform its image for that platform', async (test) => {
    const { client, registry } = await open(test);
    const name = `${registry.host}/acme/app:1`;
    const index = makeIndex();
    await client.pushIndex(name, index);
    const { descriptor, body } = await index.manifest();
    const told = await client.inspect(name);
    assert.deepEqual(
      { ...told, manifests: undefined },
      {
        kind: 'index',
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        digest: descriptor.digest,
        size: descriptor.size,
        manifests: undefined,
        labels: { text: 'amd64' },
      },
    );
    assert.deepEqual(told.manifests, body.manifests);
    const arm64 = await client.inspect(name, { platform: platform('arm64') });
    assert.deepEqual([arm64.kind, arm64.labels], ['image', { text: 'arm64' }]);
    assert.equal(arm64.digest, body.manifests[0]?.digest);
    assert.equal((await client.getDescriptor(name, { platform: platform('arm64') })).digest, arm64.digest);
    assert.equal(
      (await client.getManifest(name, { platform: platform('amd64') })).descriptor.digest,
      body.manifests[1]?.digest,
    );
    assert.match(new TextDecoder().decode(await client.getConfig(name)), /"amd64"/);
    assert.deepEqual((await (await client.getImage(name)).config()).architecture, 'amd64');
    assert.deepEqual((await (await client.getIndex(name)).children()).length, 2);
  });

  // id: platform-missing
  it('a platform that an index lacks, or that differs from the one of an image, is refused', async (test) => {
    const { client, registry } = await open(test);
    const { host } = registry;
    await client.pushIndex(`${host}/app:index`, makeIndex());
    await client.pushImage(`${host}/app:image`, makeImage('x'));
    const s390x = { platform: platform('s390x') };
    for (const verb of verbs) {
      await failsWith(client[verb](`${host}/app:index`, s390x), 'MANIFEST_UNKNOWN');
    }
    await failsWith(client.inspect(`${host}/app:image`, s390x), 'MANIFEST_UNKNOWN');
    assert.equal((await client.inspect(`${host}/app:image`, { platform: platform('amd64') })).kind, 'image');
    // Without a platform in the request, a single image is the only choice.
    assert.ok(await client.getManifest(`${host}/app:image`, s390x));
  });

  // id: inspect-odd-children
  it('the choice of a platform ignores attestations, artifacts and children without a platform', async (test) => {
    const { client, registry } = await open(test);
    const place = registry.registry.repository('odd');
    const proof = await giveImage(place, { layers: [blobOf('proof')] });
    const attestation = {
      ...proof.descriptor,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': 'x',
      },
    };
    const bare = await giveImage(place);
    const wasm = { ...blobOf('wasm').descriptor, mediaType: 'application/wasm' };
    for (const [tag, children, labelled] of [
      ['attested', [attestation, bare.descriptor], true],
      ['only-attested', [attestation], false],
      ['wasm', [wasm], false],
      ['empty', [], false],
    ] as const) {
      const index = indexOf(children);
      await place.manifests.put(index, { tags: [tag] });
      const name = `${registry.host}/odd:${tag}`;
      const told = await client.inspect(name);
      assert.equal(told.kind, 'index');
      assert.deepEqual(told.labels, {});
      assert.deepEqual(told.manifests, children);
      const image = client.getManifest(name, { platform: platform('amd64') });
      if (labelled) assert.equal((await image).descriptor.digest, bare.descriptor.digest);
      else await failsWith(image, 'MANIFEST_UNKNOWN');
    }
  });

  it('inspect shows an artifact without labels, and refuses any other kind of manifest', async (test) => {
    const { client, registry } = await open(test);
    const place = registry.registry.repository('odd');
    const put = async (tag: string, mediaType: string, fields: object): Promise<void> => {
      const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
      await place.manifests.put(parseManifest(bytes, { digest: digestOf(bytes), mediaType }), {
        tags: [tag],
      });
    };
    const config = blobOf('{}');
    await give(place, config);
    await put('artifact', MediaType.ociManifest, {
      artifactType: 'application/vnd.acme',
      config: { ...config.descriptor, mediaType: MediaType.empty },
      layers: [],
      annotations: { a: 'b' },
    });
    const told = await client.inspect(`${registry.host}/odd:artifact`);
    assert.deepEqual(
      [told.kind, told.artifactType, told.annotations, told.labels],
      ['image', 'application/vnd.acme', { a: 'b' }, {}],
    );
    await put('thing', 'application/vnd.acme.thing+json', {});
    await failsWith(client.inspect(`${registry.host}/odd:thing`), 'MANIFEST_INVALID');
    await failsWith(client.getImage(`${registry.host}/odd:thing`), 'MANIFEST_INVALID');
    await failsWith(client.getIndex(`${registry.host}/odd:artifact`), 'MANIFEST_INVALID');
  });

  it('an absent image is MANIFEST_UNKNOWN, however the registry answers', async (test) => {
    const { client, registry } = await open(test);
    const hosts = [registry.host];
    for (const answer of notFound) hosts.push(await serve(test, answer));
    for (const host of hosts) {
      const name = `${host}/acme/none:1`;
      assert.equal(await client.exists(name), false);
      assert.equal(await client.blobExists(`${host}/acme/none`, digestOf(new Uint8Array())), false);
      for (const verb of verbs) {
        await failsWith(
          client[verb](name),
          'MANIFEST_UNKNOWN',
          ...(host === hosts.at(-1) ? ['NAME_UNKNOWN'] : []),
        );
      }
      await failsWith(client.delete(name), 'MANIFEST_UNKNOWN');
      await failsWith(
        client.tag(name, 'x'),
        'MANIFEST_UNKNOWN',
        ...(host === hosts.at(-1) ? ['NAME_UNKNOWN'] : []),
      );
      await failsWith(
        read(client.openBlob(`${host}/acme/none@${digestOf(new Uint8Array())}`)),
        'BLOB_UNKNOWN',
        'NAME_UNKNOWN',
      );
      await failsWith(listOf(client.tags(`${host}/acme/none`)), 'NAME_UNKNOWN');
    }
  });

  it('tags and repositories are listed in pages, from the name given in after', async (test) => {
    const { client, registry } = await open(test);
    const { host } = registry;
    await client.pushImage(`${host}/b:1`, makeImage('x'));
    await client.pushImage(`${host}/a:1`, makeImage('x'));
    await client.tag(`${host}/a:1`, ['3', '2', '4']);
    assert.deepEqual(await listOf(client.tags(`${host}/a`)), ['1', '2', '3', '4']);
    assert.deepEqual(await listOf(client.tags(`${host}/a`, { pageSize: 1, after: '1' })), ['2', '3', '4']);
    assert.deepEqual(await listOf(client.catalog(host, { pageSize: 1 })), ['a', 'b']);
    assert.deepEqual(await listOf(client.catalog(host, { after: 'a' })), ['b']);
  });
});

describe('the verbs that change a registry', () => {
  it('tag adds tags, and delete removes one tag alone or a digest with all its tags', async (test) => {
    const { client, registry } = await open(test);
    const { host } = registry;
    const { digest } = await client.pushImage(`${host}/app:1`, makeImage('x'));
    assert.equal((await client.tag(`${host}/app:1`, '2')).digest, digest);
    assert.equal((await client.tag(`${host}/app@${digest}`, ['3', '4'])).digest, digest);
    await client.delete(`${host}/app:1`);
    assert.deepEqual(await listOf(client.tags(`${host}/app`)), ['2', '3', '4']);
    await client.delete(`${host}/app@${digest}`);
    assert.equal(await client.exists(`${host}/app:2`), false);
    await failsWith(client.delete(`${host}/app@${digest}`), 'MANIFEST_UNKNOWN');
  });

  it('writeLayer writes a layer alone, and putManifest a manifest that names it', async (test) => {
    const { client, registry } = await open(test);
    const { host } = registry;
    const image = makeImage('by hand');
    const [layer] = await image.layers();
    assert.ok(layer);
    const config = createLayer(bytesContent(await image.rawConfig()), { mediaType: MediaType.ociConfig });
    const manifest = await image.manifest();
    await failsWith(client.putManifest(`${host}/app:1`, manifest), 'MANIFEST_BLOB_UNKNOWN');
    assert.equal((await client.writeLayer({ repository: `${host}/app`, layer })).outcome, 'uploaded');
    assert.equal((await client.writeLayer({ repository: `${host}/app`, layer })).outcome, 'existed');
    await client.writeLayer({ repository: `${host}/app`, layer: config });
    assert.equal((await client.putManifest(`${host}/app:1`, manifest)).digest, manifest.descriptor.digest);
    assert.equal((await client.inspect(`${host}/app:1`)).labels['text'], 'by hand');
  });

  it('pushImage pushes an image that was opened in another place', async (test) => {
    const { client, registry } = await open(test);
    const { host } = registry;
    await client.pushIndex(`${host}/app:1`, makeIndex());
    const image = await client.getImage(`${host}/app:1`, { platform: platform('arm64') });
    const { digest } = await client.pushImage(`${host}/arm:1`, image);
    assert.equal((await client.getDescriptor(`${host}/arm:1`)).digest, digest);
    assert.deepEqual((await client.inspect(`${host}/arm:1`)).labels, { text: 'arm64' });
  });
});

describe('malformed arguments', () => {
  it('a malformed reference, repository or digest is refused before any request', async (test) => {
    const events: WireEvent[] = [];
    const { client, registry } = await open(test, { onWire: (event) => events.push(event) });
    const { host } = registry;
    const image = makeImage('x');
    const manifest = await image.manifest();
    for (const [ask, ...codes] of [
      [() => client.inspect('Upper/Case'), 'INVALID_REFERENCE', 'NAME_INVALID'],
      [() => client.getManifest(`${host}/a:b:c`), 'INVALID_REFERENCE'],
      [() => client.getDescriptor(`${host}/a@sha256:abc`), 'INVALID_DIGEST'],
      [() => client.blobExists(`${host}/a`, 'sha256:abc'), 'INVALID_DIGEST'],
      [() => client.blobExists(`${host}/a:1`, digestOf(new Uint8Array())), 'INVALID_REFERENCE'],
      [() => listOf(listing(() => client.tags(`${host}/a:1`))), 'INVALID_REFERENCE'],
      [() => listOf(listing(() => client.catalog('not/a/registry'))), 'INVALID_REFERENCE'],
      [() => client.pushImage(`${host}/a:`, image), 'INVALID_REFERENCE'],
      [() => client.putManifest('', manifest), 'INVALID_REFERENCE'],
      [() => client.delete(`${host}/a@md5`), 'INVALID_DIGEST'],
      [() => client.copy('oci:', `${host}/a`), 'INVALID_REFERENCE'],
      [() => client.push('/no/such/path', `${host}/a`), 'NAME_UNKNOWN'],
      [() => client.copy(`${host}/a`, `${host}/b`, { platforms: [] }), 'INVALID_OPTION'],
      [() => read(listedBlob(client, `${host}/a:1`)), 'INVALID_REFERENCE'],
    ] satisfies [() => Promise<unknown>, ...string[]][]) {
      await failsWith(ask(), ...codes);
    }
    assert.deepEqual(events, []);
  });

  it('a malformed tag is refused', async (test) => {
    const { client, registry } = await open(test);
    await client.pushImage(`${registry.host}/a:1`, makeImage('x'));
    await failsWith(client.tag(`${registry.host}/a:1`, 'not/a tag'), 'INVALID_REFERENCE');
  });
});

/** Turns an error that is thrown at once into a rejection. */
async function* listing(list: () => AsyncIterable<string>): AsyncIterable<string> {
  yield* list();
}

function listedBlob(client: Client, text: string): ReturnType<Client['openBlob']> {
  return {
    replayable: true,
    async *open() {
      yield* client.openBlob(text).open();
    },
  };
}

describe('the options of a client', () => {
  // id: option-transport-server
  it('transport may be a server without a socket', async () => {
    const app = createApp(createMemoryRegistry());
    await using client = createClient({ ...alone, transport: app });
    const { digest } = await client.pushImage('registry.test/app:1', makeImage('x'));
    assert.equal((await client.getDescriptor('registry.test/app:1')).digest, digest);
    assert.deepEqual(await listOf(client.catalog('registry.test')), ['app']);
  });

  // id: option-transport-fetch
  it('transport may be a fetch', async (test) => {
    const { client, registry } = await open(test, { transport: fetchTransport(fetch) });
    const name = `${registry.host}/app:1`;
    const image = makeImage('x'.repeat(200_000));
    await client.pushImage(name, image);
    const [layer] = await (await client.getImage(name)).layers();
    assert.equal((await read(layer?.uncompressed() ?? bytesContent(new Uint8Array()))).byteLength, 200_000);
    await failsWith(client.getManifest(`${registry.host}/none:1`), 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN');
  });

  it('userAgent names the program, and onWire receives every event', async (test) => {
    const events: WireEvent[] = [];
    const agents: (string | undefined)[] = [];
    const host = await serve(test, (from, to) => {
      agents.push(from.headers['user-agent']);
      to.writeHead(404).end();
    });
    const { client } = await open(test, { userAgent: 'mine/2', onWire: (event) => events.push(event) });
    assert.equal(await client.exists(`${host}/app:1`), false);
    assert.deepEqual(agents, ['mine/2']);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['request', 'response'],
    );
  });

  it('onWarning receives the warnings of a registry', async (test) => {
    const warnings: unknown[] = [];
    const host = await serve(test, (_, to) => {
      to.writeHead(404, { warning: '299 - "this registry moves"' }).end();
    });
    const { client } = await open(test, { onWarning: (warning) => warnings.push(warning) });
    assert.equal(await client.exists(`${host}/app:1`), false);
    assert.deepEqual(warnings, [{ host, text: 'this registry moves' }]);
  });

  // id: option-retry
  it('retry limits the attempts of a request', async (test) => {
    let asked = 0;
    const host = await serve(test, (_, to) => {
      asked++;
      to.writeHead(503).end();
    });
    const { client } = await open(test, { retry: { attempts: 3, initial: 1, factor: 1 } });
    await assert.rejects(
      client.getManifest(`${host}/app:1`),
      (error) => isGantryError(error) && error.response?.status === 503,
    );
    assert.equal(asked, 3);
  });

  for (const whose of ['client', 'call'] as const) {
    // id: signal-of-caller
    it(`the signal of the ${whose} ends the running work with its own reason`, async (test) => {
      const end = new AbortController();
      const reason = { why: 'the user went home' };
      const host = await serve(test, () => end.abort(reason));
      const { client } = await open(test, whose === 'client' ? { signal: end.signal } : {});
      const own = whose === 'call' ? { signal: end.signal } : { signal: new AbortController().signal };
      await assert.rejects(client.getManifest(`${host}/app:1`, own), (error) => error === reason);
      await assert.rejects(client.copy(`${host}/app:1`, `${host}/copy:1`, own), (error) => error === reason);
      await assert.rejects(listOf(client.tags(`${host}/app`, own)), (error) => error === reason);
    });
  }

  // id: insecure-plain-http
  it('insecure allows plain HTTP only where no TLS server answers', async (test) => {
    const { client, registry } = await open(test, { insecure: true });
    await client.pushImage(`${registry.host}/app:1`, makeImage('x'));
    const secure = `https://${registry.host}/app:1`;
    assert.equal(await client.exists(secure), true);
    const { client: strict } = await open(test);
    await failsWith(strict.exists(secure), 'NO_CONNECTION');
  });
});
