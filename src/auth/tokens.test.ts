import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { basicOf, secret } from '../../test/secret.ts';
import { AuthError } from '../errors.ts';
import { bytesContent, streamContent } from '../flow/content.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
import type { HttpRequest } from '../wire/message.ts';
import {
  alice,
  answer,
  basicAlice,
  bearer,
  bearerRegistry,
  bearing,
  challenge,
  json,
  origin,
  pull,
  push,
  rejects,
  stage,
} from './stage.test.support.ts';

const mebibyte = 1024 * 1024;
const upload = (size: number): Partial<HttpRequest> => ({
  method: 'PUT',
  scopes: push,
  body: bytesContent(new Uint8Array(size)),
});
const streamed = (): Partial<HttpRequest> => ({
  method: 'PATCH',
  scopes: push,
  body: streamContent(
    (async function* () {
      yield new Uint8Array(1);
    })(),
  ),
});

const aliceButNotForAb: Keychain = async (_, repository) => (repository === 'a/b' ? undefined : alice);
const rejecting =
  (error: Error): Keychain =>
  () =>
    Promise.reject(error);

describe('a cached token', () => {
  // The token service gives each token 100 s.
  const rows: readonly (readonly [string, () => Partial<HttpRequest>, number, string])[] = [
    [
      'is used for a long upload during the first half of its life',
      () => upload(mebibyte),
      49,
      bearing('t1'),
    ],
    [
      'is replaced before a long upload in the second half of its life',
      () => upload(mebibyte),
      51,
      bearing('t2'),
    ],
    ['is replaced before a stream of unknown length', streamed, 51, bearing('t2')],
    ['is used for a short upload until near its end', () => upload(mebibyte - 1), 84, bearing('t1')],
    ['is used for a request without a body until near its end', () => ({ scopes: push }), 84, bearing('t1')],
    ['is replaced near its end for any request', () => ({ scopes: push }), 86, bearing('t2')],
  ];
  for (const [name, request, seconds, expected] of rows) {
    it(`a cached token ${name}`, async () => {
      const { send, shown, clock } = stage({ registry: bearerRegistry, credential: alice });
      await send({ scopes: push });
      await clock.advance(seconds * 1000);
      await send(request());
      assert.equal(shown.at(-1), expected);
    });
  }

  // id: long-uploads-renew-token
  it('concurrent long uploads renew the token once, and the new one serves all other requests', async () => {
    const { send, shown, tokens, clock } = stage({ registry: bearerRegistry, credential: alice });
    await send({ scopes: push });
    await clock.advance(60_000);
    await Promise.all([send(upload(mebibyte)), send(upload(mebibyte)), send({ scopes: pull })]);
    assert.equal(tokens.length, 2);
    await send({ scopes: pull });
    assert.equal(tokens.length, 2);
    assert.equal(shown.at(-1), bearing('t2'));
  });

  it('a request with more scopes gets a new token with no more scopes than it needs', async () => {
    const { send, tokens } = stage({ registry: bearerRegistry });
    await send({ scopes: pull });
    await send({ scopes: push });
    await send({ scopes: pull });
    assert.deepEqual(
      tokens.map(({ url }) => url.searchParams.getAll('scope')),
      [['repository:a/b:pull'], ['repository:a/b:pull,push']],
    );
  });

  for (const [name, first, second] of [
    ['another realm', bearer(), 'Bearer realm="https://auth.example.com/other",service="example"'],
    ['another service', bearer(), 'Bearer realm="https://auth.example.com/token",service="other"'],
  ] as const) {
    it(`a cached token serves no request that needs a token of ${name}`, async () => {
      const { send, tokens } = stage({
        registry: ({ method }, authorization) =>
          authorization === (method === 'GET' ? bearing('t1') : bearing('t2'))
            ? answer(200)
            : challenge(method === 'GET' ? first : second),
      });
      await send();
      assert.equal((await send({ method: 'HEAD' })).status, 200);
      assert.equal(tokens.length, 2);
    });
  }

  it('an anonymous token serves no request with a credential', async () => {
    const { send, tokens } = stage({ registry: bearerRegistry, keychain: aliceButNotForAb });
    await send({ scopes: ['repository:c:pull', ...pull] });
    await send({ scopes: pull });
    await send({ scopes: pull });
    assert.deepEqual(
      tokens.map(({ authorization }) => authorization),
      [basicAlice, undefined],
    );
  });

  it('concurrent requests that are challenged fetch one token', async () => {
    const { send, tokens } = stage({ registry: bearerRegistry });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send()));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(tokens.length, 1);
  });
});

describe('a scope that names no resource', () => {
  for (const scope of ['aws', '*']) {
    it(`the scope ${scope} is requested unchanged, also for later requests`, async () => {
      const { send, tokens } = stage({
        registry: (_, authorization) =>
          authorization ? answer(200) : challenge(bearer(`,scope="${scope}"`)),
      });
      await send({ scopes: pull });
      await send({ scopes: ['repository:other:pull'] });
      assert.deepEqual(
        tokens.map(({ url }) => url.searchParams.getAll('scope')),
        [
          ['repository:a/b:pull', scope],
          ['repository:other:pull', scope],
        ],
      );
    });
  }
});

describe('a challenge after accepted requests', () => {
  for (const method of ['HEAD', 'POST', 'PATCH', 'PUT', 'DELETE']) {
    it(`a challenge to a ${method} is answered after earlier requests were accepted without one`, async () => {
      const { send, shown } = stage({
        credential: alice,
        registry: (request, authorization) =>
          request.method === method && authorization === undefined ? challenge(bearer()) : answer(202),
      });
      await send();
      assert.equal((await send({ method, url: `${origin}/v2/a/b/x` })).status, 202);
      assert.deepEqual(shown, [undefined, undefined, bearing('t1')]);
    });
  }

  for (const [name, lines] of [
    ['one header', [`Basic realm="a, b", ${bearer()}`]],
    ['two headers, Basic last', [bearer(), 'Basic']],
    ['two headers, Basic first', ['Basic', bearer()]],
  ] as const) {
    it(`a challenge is answered with a token when it offers Bearer and Basic in ${name}`, async () => {
      const { send, shown } = stage({
        credential: alice,
        registry: (_, authorization) =>
          authorization === undefined
            ? answer(401, { headers: { 'www-authenticate': [...lines] } })
            : answer(200),
      });
      await send();
      assert.deepEqual(shown, [undefined, bearing('t1')]);
    });
  }

  for (const [error, status] of [
    ['invalid_token', 401],
    ['insufficient_scope', 403],
    ['insufficient_scope', 401],
  ] as const) {
    it(`a challenge with ${error} and ${status} to every token is returned after one more try`, async () => {
      const { send, shown, tokens } = stage({
        registry: (request, authorization) =>
          authorization !== undefined && request.method === 'GET'
            ? answer(200)
            : challenge(
                bearer(authorization === undefined ? '' : `,error="${error}"`),
                authorization === undefined ? 401 : status,
              ),
      });
      await send();
      assert.equal((await send({ method: 'HEAD' })).status, status);
      assert.deepEqual(shown, [undefined, bearing('t1'), bearing('t1'), bearing('t2')]);
      assert.equal(tokens.length, 2);
    });
  }

  it('a challenge that asks for more each time is returned after the third request with a header', async () => {
    let asked = 0;
    const { send, shown } = stage({
      registry: () => challenge(bearer(`,error="insufficient_scope",scope="repository:x${++asked}:pull"`)),
    });
    assert.equal((await send()).status, 401);
    assert.equal(shown.length, 4);
  });
});

describe('a token service of another domain', () => {
  const elsewhere = 'Bearer realm="https://tokens.example.net/token"';
  const registry = (_: HttpRequest, authorization: string | undefined): ReturnType<typeof answer> =>
    authorization ? answer(200) : challenge(elsewhere);

  it('a token service of another domain does not receive the credential, and one warning says so', async () => {
    const { send, tokens, warnings } = stage({ registry, credential: alice });
    await send();
    await send({ scopes: push });
    assert.deepEqual(
      tokens.map(({ authorization }) => authorization),
      [undefined, undefined],
    );
    assert.equal(warnings.length, 1);
  });

  it('a token service of another domain receives the credential when its host is trusted', async () => {
    const trustedRealms = ['tokens.example.net'];
    const { send, tokens, warnings } = stage({ registry, credential: alice, trustedRealms });
    await send();
    assert.equal(tokens[0]?.authorization, basicAlice);
    assert.deepEqual(warnings, []);
  });

  it('a token service of another domain causes no warning when there is no credential', async () => {
    const { send, warnings } = stage({ registry });
    await send();
    assert.deepEqual(warnings, []);
  });
});

describe('a missing credential helper', () => {
  const missing = new AuthError('HELPER_FAILED', 'it is not in PATH', {
    cause: Object.assign(new Error('spawn'), { code: 'ENOENT' }),
  });
  const failing = new AuthError('HELPER_FAILED', 'locked');

  it('a missing helper does not prevent an anonymous pull, and one warning names it', async () => {
    const { send, tokens, warnings } = stage({ registry: bearerRegistry, keychain: rejecting(missing) });
    assert.equal((await send()).status, 200);
    assert.equal((await send()).status, 200);
    assert.equal(tokens[0]?.authorization, undefined);
    assert.equal(warnings.length, 1);
  });

  it('a missing helper fails a push with HELPER_FAILED', () =>
    rejects(
      stage({ registry: bearerRegistry, keychain: rejecting(missing) }).send({ scopes: push }),
      'HELPER_FAILED',
    ));

  it('a missing helper fails with HELPER_FAILED when the registry asks for Basic', () =>
    rejects(
      stage({ registry: () => challenge('Basic realm="x"'), keychain: rejecting(missing) }).send(),
      'HELPER_FAILED',
    ));

  it('a missing helper fails with HELPER_FAILED when the token service refuses anonymous requests', () =>
    rejects(
      stage({ registry: bearerRegistry, service: () => answer(401), keychain: rejecting(missing) }).send(),
      'HELPER_FAILED',
    ));

  it('a missing helper fails with HELPER_FAILED when the registry refuses the anonymous token', () =>
    rejects(
      stage({ registry: () => challenge(bearer()), keychain: rejecting(missing) }).send(),
      'HELPER_FAILED',
    ));

  it('the failure of an installed helper is always an error', () =>
    rejects(stage({ registry: bearerRegistry, keychain: rejecting(failing) }).send(), 'HELPER_FAILED'));
});

describe('an identity token with a user name', () => {
  const credential: Credential = { kind: 'identity', token: secret('refresh'), username: 'alice' };
  it('an identity token is sent under its user name when the token service does not support POST', async () => {
    const { send, tokens } = stage({
      registry: bearerRegistry,
      credential,
      service: ({ method }) => (method === 'POST' ? answer(404) : json({ token: secret('x') })),
    });
    await send();
    assert.equal(tokens[1]?.authorization, basicOf('alice', secret('refresh')));
    assert.equal(tokens[1]?.url.searchParams.get('account'), 'alice');
  });

  it('an identity token is not sent by GET when the token service supports POST and refuses', () =>
    rejects(
      stage({ registry: bearerRegistry, credential, service: () => answer(401) }).send(),
      'UNAUTHORIZED',
    ));
});
