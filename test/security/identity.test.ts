import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';
import { formatEntry } from '../../src/keychain/docker-config.ts';
import { createKeychain } from '../../src/keychain/keychain.ts';
import { storeCredential } from '../../src/keychain/store.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, giveImage, noise, read } from '../../src/testing/contract/sample.ts';
import type { HttpRequest, Send } from '../../src/wire/message.ts';
import { redactHeaders, redactUrl } from '../../src/wire/redact.ts';
import { fakeRegistry } from '../cli/fake-registry.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { secret, withoutSecrets } from '../secret.ts';
import {
  alice,
  basic,
  clientOf,
  codeOf,
  home,
  net,
  password,
  registry,
  reply,
  served,
  showsSecret,
  wantsBasic,
  wantsToken,
} from './net.ts';

/** Credentials and their recipients, and messages about them: rows C6 to C8, C20 and C22 to C24 of protocol.md §5.1. */

const layer = blobOf(noise(3000));
const tokensOf = (requests: readonly HttpRequest[]): readonly string[] => [
  ...new Set(requests.flatMap(({ headers }) => headers['authorization'] ?? [])),
];

const tokenOf = (origin: string, of: string): string => secret(`${new URL(origin).host}-${of}`);
/** Gives each request a token of its own, by the origin and the user. */
const gives = (origin: string): Send => {
  let number = 0;
  return async ({ headers }) => {
    const who = headers['authorization'] === undefined ? 'nobody' : 'alice';
    return reply(200, {}, JSON.stringify({ token: tokenOf(origin, `${who}-${++number}`), expires_in: 300 }));
  };
};
const guarded = (origin: string, store = createMemoryRegistry()): Send => {
  const app = served(store);
  const tokens = gives(origin);
  return async (request) => {
    if (new URL(request.url).pathname === '/token') return tokens(request);
    const shown = request.headers['authorization']?.[0] ?? '';
    return shown.startsWith(`Bearer ${tokenOf(origin, '')}`)
      ? app(request)
      : reply(401, { 'www-authenticate': `Bearer realm="${origin}/token",service="shared"` });
  };
};

describe('a token', () => {
  const other = 'https://other.example';
  it('C6: the destination never gets a token of the source, even if realm path, service and scopes are equal', async (test) => {
    const store = createMemoryRegistry();
    await giveImage(store.repository('app'), { layers: [layer] }, '1');
    const hosts = net({ [home]: guarded(home, store), [other]: guarded(other) });
    await clientOf(test, hosts).copy(`${registry}/app:1`, 'other.example/app:1');
    const registryAsked = (origin: string): readonly HttpRequest[] =>
      hosts.at(origin).filter(({ url }) => !url.includes('/token'));
    assert.ok(
      tokensOf(registryAsked(home)).every((token) => token.startsWith(`Bearer ${tokenOf(home, 'alice-')}`)),
    );
    assert.ok(
      tokensOf(registryAsked(other)).every((token) =>
        token.startsWith(`Bearer ${tokenOf(other, 'nobody-')}`),
      ),
    );
  });

  it('C6: a client without credentials never uses the token of another client', async (test) => {
    const store = createMemoryRegistry();
    await giveImage(store.repository('app'), {}, '1');
    const hosts = net({ [home]: guarded(home, store) });
    await clientOf(test, hosts).exists(`${registry}/app:1`);
    const before = hosts.asked.length;
    await clientOf(test, hosts, { keychain: async () => undefined }).exists(`${registry}/app:1`);
    const tokens = tokensOf(hosts.asked.slice(before).filter(({ url }) => !url.includes('/token')));
    assert.ok(tokens.length > 0 && tokens.every((token) => token.includes('-nobody-')), String(tokens));
  });

  it('C6: a token for one repository is not sent for another one', async (test) => {
    const store = createMemoryRegistry();
    await giveImage(store.repository('app'), {}, '1');
    await giveImage(store.repository('lib'), {}, '1');
    const hosts = net({ [home]: guarded(home, store) });
    const client = clientOf(test, hosts);
    await client.exists(`${registry}/app:1`);
    await client.exists(`${registry}/lib:1`);
    const [app, lib] = ['app', 'lib'].map((name) =>
      tokensOf(hosts.asked.filter(({ url }) => url.includes(`/v2/${name}/`))),
    );
    assert.deepEqual(
      app?.filter((token) => lib?.includes(token)),
      [],
    );
  });
});

describe('the choice of credentials', () => {
  const names: readonly (readonly [key: string, asked: string, found: boolean])[] = [
    ['example.com', 'example.com', true],
    ['https://example.com/v1/', 'example.com', true],
    ['example.com:5000', 'example.com:5000', true],
    ['example.com', 'example.com:5000', false],
    ['example.com:5000', 'example.com', false],
    ['example.com', 'sub.example.com', false],
    ['sub.example.com', 'example.com', false],
    ['example.com', 'notexample.com', false],
    ['example.com', 'example.com.evil.test', false],
    ['example.com.evil.test', 'example.com', false],
    ['https://index.docker.io/v1/', 'index.docker.io.evil.test', false],
    ['docker.io', 'evildocker.io', false],
    ['example.com/team', 'example.com', false],
  ];
  for (const [key, asked, found] of names) {
    it(`C7: credentials for ${key} are ${found ? '' : 'not '}used for ${asked}`, async (test) => {
      const configFile = join(await folder(test), 'config.json');
      await writeFile(configFile, JSON.stringify({ auths: { [key]: formatEntry(alice) } }));
      const credential = await createKeychain({ configFile, env: {} })(asked);
      assert.equal(credential !== undefined, found);
    });
  }

  for (const name of ['../evil', 'a/b', 'x; touch pwned', '$(touch pwned)', '', '..\\evil', 'a b', '-x\n']) {
    it(`C7: a credential helper with the name ${JSON.stringify(name)} is not run`, async (test) => {
      const dir = await folder(test);
      await mkdir(join(dir, 'bin'));
      const script = join(dir, 'bin', 'docker-credential-x');
      await writeFile(script, `#!/bin/sh\ntouch ${join(dir, 'pwned')}\n`);
      await chmod(script, 0o755);
      const configFile = join(dir, 'config.json');
      await writeFile(configFile, JSON.stringify({ credHelpers: { 'example.com': name } }));
      const env = { PATH: `${join(dir, 'bin')}${delimiter}${process.env['PATH']}` };
      const code = await codeOf(createKeychain({ configFile, env })('example.com'));
      assert.equal(code, name === '' ? undefined : 'HELPER_FAILED');
      assert.deepEqual((await readdir(dir)).toSorted(), ['bin', 'config.json']);
    });
  }
});

describe('messages and events about an exchange', () => {
  const word = secret('told');
  for (const url of [
    `https://s3.example/x?X-Amz-Signature=${word}&X-Amz-Credential=${word}`,
    `https://blob.example/x?sig=${word}&se=1`,
    `https://r.example/v2/a/blobs/uploads/1?_state=${word}`,
    `https://alice:${word}@r.example/v2/`,
    `https://r.example/v2/?unheard-of=${word}`,
    `https://r.example/v2/?${word}`,
    `https://r.example/v2/#${word}`,
  ]) {
    it(`C8: the shown form of ${withoutSecrets(url)} has no secret`, () =>
      assert.ok(!redactUrl(url).includes(word)));
  }

  for (const name of [
    'authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'x-api-key',
    'x-auth-token',
    'private-token',
    'x-amz-security-token',
  ]) {
    it(`C8: the shown headers hide the value of ${name}`, () =>
      assert.ok(!JSON.stringify(redactHeaders({ [name]: [`Basic ${word}`] })).includes(word)));
  }

  it('C8: an error message is short and has no control characters, even if the registry sends them', async (test) => {
    const message = `\u001b[2J\u009b31m\r\n${'x'.repeat(100_000)}`;
    const body = JSON.stringify({ errors: [{ code: 'DENIED', message }] });
    const hosts = net({ [home]: async () => reply(403, { 'content-type': 'application/json' }, body) });
    const error: unknown = await clientOf(test, hosts)
      .exists(`${registry}/app@sha256:${'a'.repeat(64)}`)
      .catch((reason: unknown) => reason)
      .then(() => clientOf(test, hosts).getManifest(`${registry}/app:1`))
      .catch((reason: unknown) => reason);
    assert.ok(error instanceof Error);
    assert.ok(error.message.length < 1000, String(error.message.length));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the text must have none of these.
    assert.doesNotMatch(error.message, /[\u0000-\u001f\u007f-\u009f]/);
  });
});

describe('names from a registry on a terminal', () => {
  it('C8: no name in a listing moves the cursor or fakes a line', async (test) => {
    const names = ['ok', 'e\u001b[2J\u009b31m\u202ex', 'two\nlines'];
    const host = await fakeRegistry(test, ({ url = '' }, response) => {
      response.end(JSON.stringify(url.includes('_catalog') ? { repositories: names } : { tags: names }));
    });
    for (const args of [
      ['ls', `${host}/app`],
      ['catalog', host],
    ]) {
      const { stdout, code } = await gantry(args);
      assert.equal(code, 0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the text must have none of these.
      assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      assert.equal(stdout.trimEnd().split('\n').length, names.length);
      const told = await gantry([...args, '--json']);
      assert.ok(told.stdout.includes('\\u009b'));
      assert.deepEqual(Object.values(JSON.parse(told.stdout)).at(-1), names);
    }
  });
});

describe('a registry that stands for another', () => {
  it('C20: a request to a mirror carries neither `ns` nor the credentials of another registry', async (test) => {
    const store = createMemoryRegistry();
    await giveImage(store.repository('docker.io/library/app'), { layers: [layer] }, '1');
    const mirror = 'https://mirror.example';
    const hosts = net({ [mirror]: served(store, wantsToken(`${mirror}/token`)) });
    await codeOf(clientOf(test, hosts).getManifest('mirror.example/docker.io/library/app:1'));
    assert.ok(hosts.asked.length > 0);
    for (const request of hosts.asked) {
      assert.doesNotMatch(request.url, /[?&]ns=/);
      assert.equal(showsSecret(request), false);
    }
  });
});

describe('a cookie', () => {
  it('C22: the client neither keeps nor sends cookies', async (test) => {
    const store = createMemoryRegistry();
    await giveImage(store.repository('app'), { layers: [layer] }, '1');
    const hosts = net({
      [home]: served(store, (next) => async (request) => {
        const response = await next(request);
        return {
          ...response,
          headers: { ...response.headers, 'set-cookie': [`sid=${secret('cookie')}; Path=/`] },
        };
      }),
    });
    const client = clientOf(test, hosts);
    await client.copy(`${registry}/app:1`, `${registry}/copy:1`);
    await client.getConfig(`${registry}/copy:1`).catch(() => undefined);
    assert.ok(hosts.asked.length > 5);
    for (const { headers } of hosts.asked) assert.equal(headers['cookie'], undefined);
  });
});

describe('a hostile reference', () => {
  for (const text of [
    'registry.example//evil.test/app',
    '//evil.test/app',
    'https://evil.test//app',
    'registry.example/../evil',
    'registry.example/a/../../etc',
    'registry.example/a/%2e%2e/b',
    'registry.example/a%2Fb',
    'registry.example/app?x=1',
    'registry.example/app#x',
    'registry.example/app:1?x=1',
    `user:${secret('name')}@registry.example/app`,
    'registry.example@evil.test/app',
    'registry.example:443@evil.test/app',
    'registry.example\\@evil.test/app',
    'registry.example:99999/app',
    'registry.example:/app',
    'régistry.example/app',
    'registry.example/äpp',
    'registry.example/app:ünicode',
    'registry.example/app\u0000',
    'registry.example/app\r\nX: y',
    'registry.example /app',
    'ftp://registry.example/app',
    'http://http://registry.example/app',
    'registry.example/app@sha256:../../../etc/passwd',
    `registry.example/app@sha256:${'a'.repeat(64)}/../x`,
  ]) {
    it(`C23: a hostile reference is refused before any request: ${JSON.stringify(withoutSecrets(text))}`, async (test) => {
      const hosts = net({});
      const client = clientOf(test, hosts);
      const code = await codeOf(client.exists(text));
      // A text with a slash at its beginning is a path, where nothing is.
      const codes = text.startsWith('/')
        ? ['NAME_UNKNOWN']
        : ['INVALID_REFERENCE', 'NAME_INVALID', 'INVALID_DIGEST'];
      assert.ok(codes.includes(code ?? ''), String(code));
      assert.deepEqual(hosts.asked, []);
    });
  }

  it('C23: a reference leads to its own registry, below /v2/', async (test) => {
    for (const [text, url] of [
      ['registry.example/app:1', `${home}/v2/app/manifests/1`],
      ['registry.example:8443/a/b/c', `${home}:8443/v2/a/b/c/manifests/latest`],
      ['registry.example/v2/blobs/uploads:1', `${home}/v2/v2/blobs/uploads/manifests/1`],
    ] as const) {
      const hosts = net({});
      await codeOf(clientOf(test, hosts).exists(text));
      assert.deepEqual([...new Set(hosts.asked.map((request) => request.url))], [url]);
    }
  });
});

describe('the file of credentials', () => {
  it('C24: the file of credentials is readable for its owner alone, is replaced in one step, and keeps its other content', async (test) => {
    const dir = await folder(test);
    const configFile = join(dir, 'docker', 'config.json');
    await storeCredential('one.example', alice, { configFile, env: {} });
    if (process.platform !== 'win32') {
      assert.equal((await stat(configFile)).mode & 0o777, 0o600);
      assert.equal((await stat(join(dir, 'docker'))).mode & 0o777, 0o700);
    }
    const held = {
      psFormat: 'x',
      auths: { 'two.example': { auth: 'YTpi', email: 'e', later: 1 } },
      credHelpers: {},
    };
    await writeFile(configFile, JSON.stringify(held));
    await storeCredential('one.example', alice, { configFile, env: {} });
    const { auths, ...rest } = JSON.parse(await readFile(configFile, 'utf8'));
    assert.deepEqual(rest, { psFormat: 'x', credHelpers: {} });
    assert.deepEqual(auths['two.example'], held.auths['two.example']);
    assert.deepEqual(await readdir(join(dir, 'docker')), ['config.json']);
  });

  it('C24: a credential helper gets the password on stdin, and not in its arguments, its environment or the file', {
    skip: process.platform === 'win32' ? 'a script is no program on Windows' : false,
  }, async (test) => {
    const dir = await folder(test);
    const script = join(dir, 'docker-credential-note');
    await writeFile(
      script,
      `#!/bin/sh\necho "$@" >> ${dir}/argv\ntr '\\0' ' ' < /proc/$$/environ >> ${dir}/environ 2>/dev/null\ncat > ${dir}/stdin\n`,
    );
    await chmod(script, 0o755);
    const configFile = join(dir, 'config.json');
    await writeFile(configFile, JSON.stringify({ credsStore: 'note' }));
    const env = { PATH: `${dir}${delimiter}${process.env['PATH']}` };
    await storeCredential('one.example', alice, { configFile, env });
    assert.ok((await readFile(join(dir, 'stdin'), 'utf8')).includes(password));
    for (const file of ['argv', 'environ', 'config.json']) {
      const text = await readFile(join(dir, file), 'utf8').catch(() => '');
      assert.ok(!text.includes(password) && !text.includes(basic.slice(6)), file);
    }
  });
});

describe('a registry that wants a password', () => {
  it('C7: only the registry of a password gets it', async (test) => {
    const store = createMemoryRegistry();
    await giveImage(store.repository('app'), { layers: [layer] }, '1');
    const twin = `https://${registry}.other.example`;
    const hosts = net({ [home]: served(store, wantsBasic), [twin]: served(undefined, wantsBasic) });
    const client = clientOf(test, hosts);
    await read(client.openBlob(`${registry}/app@${layer.descriptor.digest}`));
    assert.equal(await codeOf(client.getManifest(`${registry}.other.example/app:1`)), 'UNAUTHORIZED');
    assert.deepEqual(tokensOf(hosts.at(home)), [basic]);
    assert.deepEqual(tokensOf(hosts.at(twin)), []);
  });
});
