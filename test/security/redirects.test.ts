import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { Client, ClientOptions } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { createLayer } from '../../src/image/layer.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, giveImage, imageOf, listOf, noise, read } from '../../src/testing/contract/sample.ts';
import type { Send } from '../../src/wire/message.ts';
import { findSecret, secret } from '../secret.ts';
import {
  alice,
  clientOf,
  codeOf,
  home,
  net,
  password,
  registry,
  reply,
  served,
  showsSecret,
  tokenService,
  wantsBasic,
  wantsToken,
  withTokens,
} from './net.ts';

/** Redirects, and the headers that follow them: rows C1 to C5 of the client's list in protocol.md §5.1. */

const cdn = 'https://cdn.elsewhere.example';
const layer = blobOf(noise(3000));
const blobName = `${registry}/app@${layer.descriptor.digest}`;

const sends =
  (location: string, status = 307): Send =>
  async () =>
    reply(status, { location });

const bytesOf: Send = async () => reply(200, {}, layer.bytes);

/** The registry redirects requests with a login. */
const leads = (to: string, status?: number): Send => wantsBasic(sends(to, status));

/** Headers that a user has configured for this registry only. */
const own = { [registry]: { 'X-Private': secret('own'), ns: secret('own') } };

describe('a redirect to another origin', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it(`C1: a request after a redirect (${status}) to another origin has no Authorization, Cookie or configured header`, async (test) => {
      const hosts = net({ [home]: leads(`${cdn}/blob?sig=1`, status), [cdn]: bytesOf });
      const client = clientOf(test, hosts, { headers: own });
      assert.deepEqual(await read(client.openBlob(blobName)), layer.bytes);
      const [request, ...more] = hosts.at(cdn);
      assert.ok(request !== undefined && more.length === 0);
      assert.equal(showsSecret(request), false);
      const neutral = ['accept', 'accept-encoding', 'range', 'user-agent'];
      assert.deepEqual(
        Object.keys(request.headers).filter((name) => !neutral.includes(name)),
        [],
      );
      assert.ok(hosts.at(home).some(showsSecret));
    });
  }

  for (const [what, to] of [
    ['another port', `${home}:8443`],
    ['a host below it', `https://cdn.${registry}`],
    ['a host whose name begins with its name', `${home}.evil.example`],
    ['a host whose name ends with its name', `https://evil-${registry}`],
  ] as const) {
    it(`C1: credentials do not follow a redirect to ${what}`, async (test) => {
      const hosts = net({ [home]: leads(`${to}/blob`), [to]: bytesOf });
      await read(clientOf(test, hosts).openBlob(blobName));
      assert.deepEqual(hosts.at(to).map(showsSecret), [false]);
    });
  }

  it('C1: credentials follow a redirect that only adds the default port', async (test) => {
    const hosts = net({
      [home]: wantsBasic(async ({ url }) =>
        url.endsWith('/other') ? reply(200, {}, layer.bytes) : reply(307, { location: `${home}:443/other` }),
      ),
    });
    await read(clientOf(test, hosts).openBlob(blobName));
    assert.ok(
      hosts
        .at(home)
        .filter(({ url }) => url.endsWith('/other'))
        .every(showsSecret),
    );
  });

  it('C1: credentials do not follow a redirect back to the first origin', async (test) => {
    const hosts = net({
      [home]: async (request) =>
        request.url.endsWith('/back') ? bytesOf(request) : leads(`${cdn}/blob`)(request),
      [cdn]: sends(`${home}/back`),
    });
    await read(clientOf(test, hosts).openBlob(blobName));
    const back = hosts.at(home).filter(({ url }) => url.endsWith('/back'));
    assert.deepEqual(back.map(showsSecret), [false]);
  });

  it('C1: the client follows at most ten redirects, and none from https to http', async (test) => {
    const round = net({ [home]: sends('/v2/again') });
    assert.equal(await codeOf(read(clientOf(test, round).openBlob(blobName))), 'REDIRECT_REFUSED');
    assert.equal(round.asked.length, 11);

    const plain = net({ [home]: sends('http://cdn.elsewhere.example/blob') });
    assert.equal(await codeOf(read(clientOf(test, plain).openBlob(blobName))), 'REDIRECT_REFUSED');
    assert.deepEqual(
      plain.asked.filter(({ url }) => url.startsWith('http:')),
      [],
    );
  });

  it('C1: the client follows no redirect of a token request that carries a password or an identity token', async (test) => {
    for (const credential of [alice, { kind: 'identity', token: password } as const]) {
      const astray = withTokens(sends(`${cdn}/token`));
      const hosts = net({ [home]: astray(wantsToken(`${home}/token`)(bytesOf)), [cdn]: tokenService() });
      const client = clientOf(test, hosts, { keychain: async () => credential });
      assert.notEqual(await codeOf(read(client.openBlob(blobName))), undefined);
      assert.deepEqual(hosts.at(cdn), []);
    }
  });
});

/** Starts every upload at `location`. */
const begins = (location: string): Send =>
  wantsBasic(async (request) => (request.method === 'POST' ? reply(202, { location }) : reply(404)));
const begun = (client: Client): Promise<unknown> =>
  client.writeLayer({ repository: `${registry}/app`, layer: createLayer(layer.content) });
const push = (
  test: Parameters<typeof clientOf>[0],
  hosts: ReturnType<typeof net>,
  options: ClientOptions = {},
) => begun(clientOf(test, hosts, options));

describe('an upload that continues at another host', () => {
  it('C2: an upload at another host gets no credentials and no configured header, and keeps its query byte for byte', async (test) => {
    const query = `?_state=a%2Fb~c%20d+e&empty=&X-Amz-Signature=0%3D${secret('signature')}`;
    const hosts = net({ [home]: begins(`${cdn}/put${query}`), [cdn]: async () => reply(201) });
    await push(test, hosts, { headers: own }).catch(() => undefined);
    assert.ok(hosts.at(home).some(({ headers }) => headers['x-private'] !== undefined));
    const asked = hosts.at(cdn);
    assert.ok(asked.length > 0);
    for (const request of asked) {
      assert.equal(showsSecret(request), false);
      assert.deepEqual([request.headers['x-private'], request.headers['ns']], [undefined, undefined]);
      assert.ok(request.url.startsWith(`${cdn}/put${query}`), request.url);
    }
  });

  for (const [what, location] of [
    ['by http from https', 'http://cdn.elsewhere.example/put'],
    ['with a user and password in it', `https://user:${secret('location')}@cdn.elsewhere.example/put`],
    ['of another scheme', 'ftp://cdn.elsewhere.example/put'],
    ["at the clouds' metadata service", 'https://169.254.169.254/latest/meta-data'],
    ['on our own machine', 'https://127.0.0.1/put'],
    ['in our own network', 'https://10.0.0.1/put'],
  ] as const) {
    it(`C2: the client refuses an upload location ${what}`, async (test) => {
      const hosts = net({ [home]: begins(location) });
      assert.equal(await codeOf(push(test, hosts)), 'REDIRECT_REFUSED');
      assert.deepEqual(
        hosts.asked.filter(({ url }) => !url.startsWith(`${home}/`)),
        [],
      );
    });
  }
});

const pages = (link: (request: { readonly url: string }) => string): Send =>
  wantsBasic(async (request) =>
    reply(200, { link: link(request) }, JSON.stringify({ name: 'app', tags: ['a'], repositories: ['a'] })),
  );

describe('the next page of a listing', () => {
  for (const target of [
    `${cdn}/v2/app/tags/list`,
    '//cdn.elsewhere.example/v2/',
    `http://${registry}:81/v2/`,
  ]) {
    it(`C3: the client requests no next page at another origin: ${target}`, async (test) => {
      const hosts = net({ [home]: pages(() => `<${target}>; rel="next"`), [cdn]: async () => reply(200) });
      const client = clientOf(test, hosts);
      assert.equal(await codeOf(listOf(client.tags(`${registry}/app`))), 'REDIRECT_REFUSED');
      assert.equal(await codeOf(listOf(client.catalog(registry))), 'REDIRECT_REFUSED');
      assert.deepEqual(hosts.at(cdn), []);
    });
  }

  it('C3: pages in a circle end with an error', async (test) => {
    const hosts = net({
      [home]: pages(({ url }) => `</v2/app/tags/list?p=${url.endsWith('1') ? 2 : 1}>; rel="next"`),
    });
    assert.equal(await codeOf(listOf(clientOf(test, hosts).tags(`${registry}/app`))), 'UNEXPECTED_ANSWER');
    assert.ok(hosts.asked.length < 10);
  });

  it('C3: pages without end are an error, even if each has another address', async (test) => {
    let page = 0;
    const endless = pages(() => `</v2/app/tags/list?p=${++page}>; rel="next"`);
    const client = clientOf(test, net({ [home]: endless }));
    assert.equal(await codeOf(listOf(client.tags(`${registry}/app`))), 'UNEXPECTED_ANSWER');
    assert.ok(page <= 10_001, String(page));
  });
});

describe('a refused address', () => {
  const to = `http://${password}.example/`;
  const rows: readonly (readonly [what: string, host: Send, ask: (client: Client) => Promise<unknown>])[] = [
    ['to read from', leads(to), (client) => read(client.openBlob(blobName))],
    ['to upload to', begins(to), begun],
    [
      'of the next page',
      pages(() => `<${to}>; rel="next"`),
      (client) => listOf(client.tags(`${registry}/app`)),
    ],
    [
      'of a token service',
      wantsBasic(wantsToken(to)(bytesOf)),
      (client) => listOf(client.tags(`${registry}/app`)),
    ],
  ];
  for (const [what, host, ask] of rows) {
    it(`C8: the error about a refused address ${what} hides a secret in the host name`, async (test) => {
      const error: unknown = await ask(clientOf(test, net({ [home]: host }))).catch(
        (reason: unknown) => reason,
      );
      assert.ok(isGantryError(error));
      assert.ok(['REDIRECT_REFUSED', 'CHALLENGE_INVALID'].includes(error.code), error.code);
      assert.equal(findSecret(inspect(error, { depth: null })), -1);
    });
  }
});

describe('the urls of a layer', () => {
  for (const mediaType of [
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.v1.tar+gzip',
  ]) {
    it(`C4: the client sends no request to the urls of a layer of type ${mediaType}`, async (test) => {
      const store = createMemoryRegistry();
      await giveImage(store.repository('app'), { layers: [layer] }, '1');
      const { bytes } = imageOf({ layers: [layer] });
      const altered = JSON.parse(new TextDecoder().decode(bytes));
      altered.layers[0] = {
        ...altered.layers[0],
        mediaType,
        urls: [`${cdn}/layer`, 'https://169.254.169.254/'],
      };
      const { digest } = blobOf(JSON.stringify(altered)).descriptor;
      const body = JSON.stringify(altered);
      const foreign = served(
        store,
        wantsBasic,
        (next) => async (request) =>
          request.url.includes('/manifests/') && request.method === 'GET'
            ? reply(
                200,
                {
                  'content-type': 'application/vnd.oci.image.manifest.v1+json',
                  'docker-content-digest': digest,
                },
                body,
              )
            : next(request),
      );
      const to = 'https://to.example';
      const hosts = net({ [home]: foreign, [to]: served(), [cdn]: bytesOf });
      await codeOf(
        clientOf(test, hosts).copy(`${registry}/app:1`, 'to.example/app:1', { nondistributable: true }),
      );
      const strangers = hosts.asked.filter(({ url }) => ![home, to].includes(new URL(url).origin));
      assert.deepEqual(strangers, []);
    });
  }
});

describe('a token service', () => {
  const refused: readonly (readonly [what: string, realm: string])[] = [
    ['by http for an https registry', 'http://auth.registry.example/token'],
    ['with a user and password', `https://user:${secret('realm')}@auth.registry.example/token`],
    ["at the clouds' metadata service", 'https://169.254.169.254/token'],
    ["at the clouds' metadata service, by its IPv6 name", 'https://[::ffff:169.254.169.254]/token'],
    ['on our own machine', 'https://127.0.0.1/token'],
    ['on our own machine, by IPv6', 'https://[::1]/token'],
    ['on our own machine, by a number', 'https://2130706433/token'],
    ['in our own network', 'https://192.168.1.1/token'],
    ['at 0.0.0.0', 'https://0.0.0.0/token'],
    ['at a file', 'file:///etc/passwd'],
  ];
  for (const [what, realm] of refused) {
    it(`C5: the client sends no request to a token service ${what}`, async (test) => {
      const hosts = net({ [home]: wantsToken(realm)(bytesOf) });
      assert.equal(await codeOf(read(clientOf(test, hosts).openBlob(blobName))), 'CHALLENGE_INVALID');
      assert.deepEqual(
        hosts.asked.filter(({ url }) => !url.startsWith(`${home}/v2/`)),
        [],
      );
    });
  }

  const trusted: readonly (readonly [what: string, service: string, shown: boolean])[] = [
    ['of the registry itself is shown the password', home, true],
    ['of the same registrable domain is shown the password', 'https://auth.registry.example', true],
    ['of another domain is asked anonymously', 'https://auth.other.example', false],
    ['whose name only begins like the registry is asked anonymously', `${home}.evil.example`, false],
    ['whose name only ends like the registry is asked anonymously', `https://evil-${registry}`, false],
  ];
  for (const [what, service, shown] of trusted) {
    it(`C5: a token service ${what}`, async (test) => {
      const own = withTokens(tokenService());
      const hosts = net({
        [service]: tokenService(),
        [home]: own(wantsToken(`${service}/token`)(bytesOf)),
      });
      await read(clientOf(test, hosts).openBlob(blobName));
      const asked = hosts.asked.filter(({ url }) => url.startsWith(`${service}/token`));
      assert.deepEqual(asked.map(showsSecret), [shown]);
    });
  }

  it('C5: the client follows no redirect of a token service with credentials', async (test) => {
    for (const location of ['https://169.254.169.254/token', 'http://auth.registry.example/token']) {
      const service = 'https://auth.registry.example';
      const hosts = net({ [home]: wantsToken(`${service}/token`)(bytesOf), [service]: sends(location) });
      assert.notEqual(await codeOf(read(clientOf(test, hosts).openBlob(blobName))), undefined);
      assert.deepEqual(
        hosts.asked.filter(({ url }) => ![home, service].includes(new URL(url).origin)),
        [],
      );
    }
  });
});
