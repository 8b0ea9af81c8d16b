import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { createKeychain, type KeychainOptions } from '../../src/keychain/keychain.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { giveImage, listOf } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest } from '../../src/wire/message.ts';
import { errorAnswer } from '../../src/wire/reply.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';

/** A reference can come from anywhere, so http:// in it must not send a login without encryption. */

const password = secret('plain');
const host = 'registry.example';
const entry = { auth: Buffer.from(`alice:${password}`).toString('base64') };

/** Opens a registry that demands Basic, and a client with its logins in a file. */
async function open(
  test: TestContext,
  auths: Readonly<Record<string, object>>,
  { given = {}, ...options }: ClientOptions & { readonly given?: KeychainOptions } = {},
) {
  const configFile = join(await folder(test), 'config.json');
  await writeFile(configFile, JSON.stringify({ auths }));
  const memory = createMemoryRegistry();
  await giveImage(memory.repository('app'), {}, '1');
  const app = createApp(memory);
  const asked: HttpRequest[] = [];
  const client = createClient({
    keychain: createKeychain({ configFile, ...given }),
    async transport(request) {
      asked.push(request);
      if (headerValue(request.headers, 'authorization') === undefined) {
        return errorAnswer('UNAUTHORIZED', 'who are you', {
          headers: { 'www-authenticate': ['Basic realm="x"'] },
        });
      }
      return app({ ...request, url: request.url.replace(/^https?:\/\/[^/]*/, '') });
    },
    ...options,
  });
  atEnd(test, () => client[Symbol.asyncDispose]());
  const shown = (): readonly HttpRequest[] =>
    asked.filter(({ headers }) => JSON.stringify(headers).includes(entry.auth));
  return { client, asked, shown };
}

const verbs: readonly (readonly [
  string,
  (client: ReturnType<typeof createClient>, name: string) => Promise<unknown>,
])[] = [
  ['tags', (client, name) => listOf(client.tags(name))],
  ['getManifest', (client, name) => client.getManifest(`${name}:1`)],
  ['copy', (client, name) => client.copy(`${name}:1`, `${name}:2`)],
];

describe('a login that is stored for a registry', () => {
  for (const [verb, use] of verbs) {
    it(`plain-http-by-reference: ${verb} of http://${host} doesn't send it, and the error says what to do`, async (test) => {
      const { client, asked, shown } = await open(test, { [host]: entry });
      const error: unknown = await use(client, `http://${host}/app`).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(isGantryError(error));
      const reason = error.cause !== undefined && isGantryError(error.cause) ? error.cause : error;
      assert.equal(reason.code, 'UNAUTHORIZED');
      assert.match(reason.message, /--insecure-registry registry\.example/);
      assert.ok(asked.length > 0);
      assert.deepEqual(shown(), []);
    });
  }

  it('plain-http-by-reference: a login is sent over https, and over http:// if it was stored for http://', async (test) => {
    for (const [name, key] of [
      [`https://${host}/app`, host],
      [`${host}/app`, host],
      [`http://${host}/app`, `http://${host}`],
      [`http://${host}/app`, `HTTP://${host}/v2/`],
    ] as const) {
      const { client, shown } = await open(test, { [key]: entry });
      assert.deepEqual(await listOf(client.tags(name)), ['1']);
      assert.ok(shown().length > 0);
    }
  });

  it('plain-http-by-reference: a login is sent to an insecure registry and on loopback', async (test) => {
    const named = await open(test, { [host]: entry }, { insecure: [host] });
    assert.deepEqual(await listOf(named.client.tags(`http://${host}/app`)), ['1']);
    const other = await open(test, { [host]: entry }, { insecure: ['other.example'] });
    await assert.rejects(listOf(other.client.tags(`http://${host}/app`)), { code: 'UNAUTHORIZED' });
    const local = await open(test, { 'localhost:5000': entry });
    assert.deepEqual(await listOf(local.client.tags('localhost:5000/app')), ['1']);
  });

  it('plain-http-by-reference: the same holds for credentials that a program gave, and for configured headers', async (test) => {
    const credential = { kind: 'basic', username: 'alice', password } as const;
    const { client, asked, shown } = await open(
      test,
      {},
      { given: { credentials: { [host]: credential } }, headers: { [host]: { 'X-Key': secret('header') } } },
    );
    await assert.rejects(listOf(client.tags(`http://${host}/app`)), { code: 'UNAUTHORIZED' });
    assert.deepEqual(shown(), []);
    assert.ok(asked.every(({ headers }) => headers['x-key'] === undefined));
  });

  it('login-advice: a 401 says how to log in', async (test) => {
    const { client } = await open(test, {});
    for (const [, use] of verbs) {
      await assert.rejects(use(client, `${host}/app`), (error) => {
        const said = isGantryError(error) ? error.message : '';
        return said.includes(`gantry auth login ${host}`);
      });
    }
  });
});
