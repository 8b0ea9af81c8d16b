import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { basicOf, secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import type { Credential } from '../keychain/credential.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { type Client, createClient } from './client.ts';

const alice: Credential = { kind: 'basic', username: 'alice', password: secret('alice') };
const basicAlice = basicOf('alice', secret('alice'));

function answer(status: number, body: unknown, headers: Record<string, string[]> = {}): HttpResponse {
  return { status, headers, body: bytesContent(new TextEncoder().encode(JSON.stringify(body))).open() };
}

interface World {
  readonly client: Client;
  /** Host and Authorization of every request. */
  readonly seen: (readonly [host: string, authorization: string | undefined])[];
}

/** Registries that accept any token of one service, and that service, which accepts alice and no other name. */
function createWorld(challenge = 'Bearer realm="https://auth.example.com/token",service="all"'): World {
  const seen: (readonly [string, string | undefined])[] = [];
  let given = 0;
  const service = ({ method }: HttpRequest, authorization: string | undefined): HttpResponse =>
    method === 'POST' || authorization === undefined || authorization === basicAlice
      ? answer(200, { token: secret(`t${++given}`) })
      : answer(401, {});
  const transport: Send = async (request) => {
    const { host } = new URL(request.url);
    const authorization = headerValue(request.headers, 'authorization');
    seen.push([host, authorization]);
    if (host.startsWith('auth.')) return service(request, authorization);
    if (host.startsWith('open.')) return answer(200, { name: 'app', tags: [] });
    return authorization === undefined || (authorization.startsWith('Basic') && authorization !== basicAlice)
      ? answer(401, {}, { 'www-authenticate': [challenge] })
      : answer(200, { name: 'app', tags: [] });
  };
  return { client: createClient({ transport, keychain: () => Promise.resolve(undefined) }), seen };
}

async function listTags(client: Client, repository: string): Promise<void> {
  for await (const _ of client.tags(repository));
}

describe('a check of a login', () => {
  const rows: readonly (readonly [string, string | undefined, string, Credential, string])[] = [
    ['sends a password to the token service', undefined, 'one.example.com', alice, 'accepted'],
    ['sends a password to a registry with Basic', 'Basic realm="x"', 'one.example.com', alice, 'accepted'],
    [
      'exchanges an identity token',
      undefined,
      'one.example.com',
      { kind: 'identity', token: secret('i') },
      'accepted',
    ],
    [
      'sends a registry token',
      undefined,
      'one.example.com',
      { kind: 'registry', token: secret('r') },
      'accepted',
    ],
    ['sends nothing to a registry without a challenge', undefined, 'open.example.com', alice, 'unasked'],
  ];
  for (const [name, challenge, registry, credential, expected] of rows) {
    it(`a check of a login ${name}`, async () => {
      const { client } = createWorld(challenge);
      assert.equal(await client.checkLogin(registry, credential), expected);
    });
  }

  for (const [name, challenge] of [
    ['the token service', undefined],
    ['the registry', 'Basic realm="x"'],
  ] as const) {
    it(`the login is UNAUTHORIZED where ${name} refuses it`, async () => {
      const { client } = createWorld(challenge);
      await assert.rejects(
        client.checkLogin('one.example.com', { ...alice, password: secret('wrong') }),
        (error) => isGantryError(error, 'UNAUTHORIZED'),
      );
    });
  }

  it('the login is CHALLENGE_INVALID where the token service is of another domain', async () => {
    const { client, seen } = createWorld();
    await assert.rejects(client.checkLogin('one.example.net', alice), (error) =>
      isGantryError(error, 'CHALLENGE_INVALID'),
    );
    assert.ok(seen.every(([, authorization]) => authorization !== basicAlice));
  });

  it('a check leaves the credentials of the other requests unchanged', async () => {
    const { client, seen } = createWorld();
    await client.checkLogin('one.example.com', alice);
    seen.length = 0;
    await listTags(client, 'one.example.com/app');
    assert.deepEqual(seen, [
      ['one.example.com', undefined],
      ['auth.example.com', undefined],
      ['one.example.com', `Bearer ${secret('t2')}`],
    ]);
  });
});

describe('the token of one registry', () => {
  it('the token of one registry is not sent to another, even if one service issues both', async () => {
    const { client, seen } = createWorld();
    await listTags(client, 'one.example.com/app');
    await listTags(client, 'two.example.com/app');
    assert.deepEqual(
      seen.filter(([host, authorization]) => !host.startsWith('auth.') && authorization !== undefined),
      [
        ['one.example.com', `Bearer ${secret('t1')}`],
        ['two.example.com', `Bearer ${secret('t2')}`],
      ],
    );
  });
});
