import assert from 'node:assert/strict';
import http from 'node:http';
import type { LookupFunction } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { bytesContent } from '../../src/flow/content.ts';
import type { ProxyOption } from '../../src/http/node/proxy.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { createLayer } from '../../src/image/layer.ts';

/** Every looked-up name is this machine: `inner.example` only looks public. */
const lookup: LookupFunction = (_name, { all }, callback) =>
  all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

const repository = '/v2/acme/app';
const unauthorized = (realm: string): Answer => ({
  status: 401,
  'www-authenticate': `Bearer realm="${realm}"`,
});

interface Answer extends http.OutgoingHttpHeaders {
  readonly status: number;
}

interface Row {
  readonly name: string;
  /** The registry's responses by method and path. `inner` is the origin that it must not lead gantry to. */
  readonly answers: (inner: string) => Readonly<Record<string, Answer>>;
  readonly work?: (client: Client, name: string) => Promise<unknown>;
}

const rows: readonly Row[] = [
  {
    name: 'by a redirect',
    answers: (inner) => ({
      [`GET ${repository}/manifests/v1`]: { status: 307, location: `${inner}/x` },
    }),
  },
  {
    name: 'by a redirect of a redirect',
    answers: (inner) => ({
      [`GET ${repository}/manifests/v1`]: { status: 307, location: 'http://cdn.example/there' },
      'GET /there': { status: 302, location: `${inner}/x` },
    }),
  },
  {
    name: 'by a realm',
    answers: (inner) => ({ [`GET ${repository}/manifests/v1`]: unauthorized(`${inner}/token`) }),
  },
  {
    name: "by an upload's Location",
    answers: (inner) => ({
      [`POST ${repository}/blobs/uploads/`]: { status: 202, location: `${inner}/upload` },
    }),
    work: (client, name) =>
      client.writeLayer({
        repository: `${name}/acme/app`,
        layer: createLayer(bytesContent(new Uint8Array(9))),
      }),
  },
];

describe('a registry that sends us to a name of our own network', () => {
  /** Plays the proxy with everything behind it, and `inner.example`. The Host header distinguishes them. */
  const server = http.createServer();
  const asked: string[] = [];
  let answers: Readonly<Record<string, Answer>> = {};
  let port = 0;

  before(async () => {
    server.on('request', ({ method, url = '', headers }, response) => {
      asked.push(headers.host ?? '');
      const path = url.replace(/^http:\/\/[^/]*|\?.*$/g, '');
      const { status, ...lines } = answers[`${method} ${path}`] ?? { status: 404 };
      response.writeHead(status, lines).end();
    });
    port = await listenAnywhere(server);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked.length = 0;
  });

  const inner = (): string => `http://inner.example:${port}`;
  const behind = (...hosts: readonly string[]): ProxyOption => {
    return (url) =>
      hosts.some((host) => url.startsWith(`http://${host}`)) ? `http://127.0.0.1:${port}` : undefined;
  };
  const wasAsked = (): boolean => asked.some((host) => host.startsWith('inner.'));

  for (const row of rows) {
    it(`an inner name ${row.name} of a public registry is REDIRECT_REFUSED, and gets no request`, async () => {
      answers = row.answers(inner());
      const code = await attempt(row, 'http://registry.example', behind('registry.example', 'cdn.example'));
      assert.equal(code, 'REDIRECT_REFUSED');
      assert.ok(asked.length > 0);
      assert.equal(wasAsked(), false);
    });

    it(`an inner name ${row.name} is followed if a proxy sends the request`, async () => {
      answers = row.answers(inner());
      const all = behind('registry.example', 'cdn.example', 'inner.example');
      assert.notEqual(await attempt(row, 'http://registry.example', all), 'REDIRECT_REFUSED');
      assert.equal(wasAsked(), true);
    });
  }

  it('a redirect to an inner name is followed if the registry’s own name leads there, too', async () => {
    const [row] = rows;
    assert.ok(row !== undefined);
    answers = row.answers(inner());
    assert.notEqual(await attempt(row, `http://near.example:${port}`, false), 'REDIRECT_REFUSED');
    assert.equal(wasAsked(), true);
  });

  it('refused-host: a host that was refused once cannot redirect to a loopback name later', async () => {
    answers = {};
    const transport = createNodeTransport({ lookup, proxy: false });
    const send = (url: string, sentBy: string) =>
      transport.send({ method: 'GET', url, headers: {}, replay: 'safe', sentBy });
    await assert.rejects(send(`${inner()}/x`, 'http://cdn.example'), { code: 'REDIRECT_REFUSED' });
    for (const name of ['localhost', '127.0.0.1', '[::1]', 'a.localhost', 'other.example', '0.0.0.0']) {
      await assert.rejects(send(`http://${name}:${port}/x`, inner()), { code: 'REDIRECT_REFUSED' });
    }
    assert.deepEqual(asked, []);
    await transport.close();
  });

  it('a redirect to an inner name does not use a connection that another client made with that permission', async () => {
    const [row] = rows;
    assert.ok(row !== undefined);
    answers = row.answers(inner());
    const transport = createNodeTransport({ lookup, proxy: behind('registry.example') });
    await using client = createClient({ transport, keychain: async () => undefined });
    await assert.rejects(client.getManifest(`${inner()}/acme/other:v1`), (error) =>
      isGantryError(error, 'MANIFEST_UNKNOWN'),
    );
    asked.length = 0;
    await assert.rejects(client.getManifest('http://registry.example/acme/app:v1'), (error) =>
      isGantryError(error, 'REDIRECT_REFUSED'),
    );
    assert.equal(wasAsked(), false);
  });
});

/** Returns the result of the work, or the code of its failure. */
async function attempt({ work }: Row, name: string, proxy: ProxyOption): Promise<unknown> {
  await using client = createClient({
    transport: createNodeTransport({ lookup, proxy }),
    retry: { attempts: 1, uploads: { attempts: 1 } },
    keychain: async () => undefined,
  });
  const getManifest = async (): Promise<unknown> => client.getManifest(`${name}/acme/app:v1`);
  try {
    return await (work === undefined ? getManifest() : work(client, name));
  } catch (error) {
    return isGantryError(error) ? error.code : error;
  }
}
