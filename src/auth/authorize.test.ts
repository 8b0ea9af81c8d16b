import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { basicOf, secret, withoutSecrets } from '../../test/secret.ts';
import { bytesContent, streamContent } from '../flow/content.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
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
  realm,
  rejects,
  stage,
  wantsBasic,
} from './stage.test.support.ts';

describe('a registry without authentication', () => {
  it('a registry without authentication gets no credentials, and the keychain is not asked', async () => {
    const { send, shown } = stage({ registry: () => answer(200), keychain: () => assert.fail('asked') });
    assert.equal((await send()).status, 200);
    assert.deepEqual(shown, [undefined]);
  });
});

describe('a registry with Basic authentication', () => {
  it('Basic authentication sends user and password, from the second request on without a challenge', async () => {
    const { send, shown } = stage({ registry: wantsBasic, credential: alice });
    await send();
    await send();
    assert.deepEqual(shown, [undefined, basicAlice, basicAlice]);
  });

  it('Basic authentication returns the 401 when there is no credential', async () => {
    const { send, shown } = stage({ registry: wantsBasic });
    assert.equal((await send()).status, 401);
    assert.equal(shown.length, 1);
  });

  it('Basic authentication returns the 401 when the credential is wrong', async () => {
    const { send, shown } = stage({
      registry: wantsBasic,
      credential: { ...alice, password: secret('wrong') },
    });
    assert.equal((await send()).status, 401);
    assert.equal(shown.length, 2);
  });

  it('Basic authentication uses another credential after the keychain has changed', async () => {
    let asked = 0;
    const keychain: Keychain = async () => (asked++ === 0 ? { ...alice, password: secret('old') } : alice);
    const { send, shown } = stage({ registry: wantsBasic, keychain });
    assert.equal((await send()).status, 200);
    assert.equal(shown.at(-1), basicAlice);
  });

  it('Basic authentication does not send an identity token', async () => {
    const { send, shown } = stage({
      registry: wantsBasic,
      credential: { kind: 'identity', token: secret('refresh') },
    });
    assert.equal((await send()).status, 401);
    assert.deepEqual(shown, [undefined]);
  });

  it('Bearer is preferred when a registry offers Bearer and Basic', async () => {
    const { send, shown } = stage({
      credential: alice,
      registry: (_, authorization) =>
        authorization === bearing('t1') ? answer(200) : challenge(`Basic realm="x", ${bearer()}`),
    });
    assert.equal((await send()).status, 200);
    assert.deepEqual(shown, [undefined, bearing('t1')]);
  });
});

describe('a registry with token authentication', () => {
  // id: token-by-get
  it('a token is fetched by GET with the scopes of the request and of the challenge, push scopes first', async () => {
    const { send, shown, tokens } = stage({
      credential: alice,
      registry: (_, authorization) =>
        authorization === undefined
          ? challenge(bearer(',scope="repository:a/b:pull repository:c/d:pull aws"'))
          : answer(200),
    });
    assert.equal((await send({ scopes: ['repository:c/d:pull', ...push] })).status, 200);
    assert.deepEqual(shown, [undefined, bearing('t1')]);
    const [seen] = tokens;
    assert.equal(seen?.method, 'GET');
    assert.equal(seen?.authorization, basicAlice);
    assert.equal(seen?.url.searchParams.get('service'), 'example');
    assert.equal(seen?.url.searchParams.get('client_id'), 'gantry');
    assert.equal(seen?.url.searchParams.get('account'), 'alice');
    assert.deepEqual(seen?.url.searchParams.getAll('scope'), [
      'repository:a/b:pull,push',
      'repository:c/d:pull',
      'aws',
    ]);
  });

  it('an anonymous token is fetched when there is no credential', async () => {
    const { send, tokens } = stage({ registry: bearerRegistry });
    assert.equal((await send()).status, 200);
    assert.equal(tokens[0]?.authorization, undefined);
  });

  it('a registry token is sent unchanged', async () => {
    const { send, shown, tokens } = stage({
      registry: bearerRegistry,
      credential: { kind: 'registry', token: secret('mine') },
    });
    assert.equal((await send()).status, 200);
    assert.deepEqual(shown, [undefined, bearing('mine')]);
    assert.equal(tokens.length, 0);
  });

  // id: token-shared
  it('concurrent and later requests that need no more scopes share one token', async () => {
    const { send, shown, tokens } = stage({ registry: bearerRegistry });
    await Promise.all([send({ scopes: push }), send({ scopes: push }), send({ scopes: pull })]);
    assert.ok(tokens.length <= 2);
    const [before, answers] = [tokens.length, shown.length];
    await send({ scopes: pull });
    assert.equal(tokens.length, before);
    assert.equal(shown.at(-1)?.startsWith('Bearer '), true);
    await send({ scopes: ['repository:other:pull'] });
    assert.equal(tokens.length, before + 1);
    assert.equal(shown.length, answers + 2);
  });

  it('a new token is fetched before the old one expires', async () => {
    const { send, shown, clock } = stage({ registry: bearerRegistry });
    await send();
    await clock.advance(84_000);
    await send();
    await clock.advance(2_000);
    await send();
    assert.deepEqual(shown, [undefined, bearing('t1'), bearing('t1'), bearing('t2')]);
  });

  for (const [name, reply, life] of [
    ['expires_in', { expires_in: 1000 }, 850],
    ['expires_in as a string', { expires_in: '1000' }, 850],
    ['60 seconds without expires_in', {}, 51],
    ['60 seconds for an invalid expires_in', { expires_in: -1 }, 51],
    ['issued_at', { expires_in: 1000, issued_at: new Date(900_000).toISOString() }, 765],
    [
      'the local clock for an issued_at in the future',
      { expires_in: 1000, issued_at: new Date(9e6).toISOString() },
      850,
    ],
    [
      'the local clock for an issued_at long ago',
      { expires_in: 500, issued_at: '1969-01-01T00:00:00Z' },
      425,
    ],
  ] as const) {
    it(`the life of a token follows ${name}`, async () => {
      const { send, tokens, clock } = stage({
        registry: bearerRegistry,
        service: () => json({ access_token: secret('t'), ...reply }),
      });
      await send();
      await clock.advance(life * 1000 - 1);
      await send();
      assert.equal(tokens.length, 1);
      await clock.advance(2);
      await send();
      assert.equal(tokens.length, 2);
    });
  }

  it('one new token is fetched when the registry refuses a cached one', async () => {
    let valid = bearing('t1');
    const { send, shown } = stage({
      registry: (_, authorization) =>
        authorization === valid ? answer(200) : challenge(bearer(',error="invalid_token"')),
    });
    await send();
    valid = bearing('t2');
    assert.equal((await send()).status, 200);
    assert.deepEqual(shown, [undefined, bearing('t1'), bearing('t1'), bearing('t2')]);
  });

  it('the 401 is returned when the registry refuses a new token', async () => {
    const { send, shown, tokens } = stage({ registry: () => challenge(bearer()) });
    assert.equal((await send()).status, 401);
    assert.deepEqual([shown.length, tokens.length], [2, 1]);
  });

  it('a token with more scopes is fetched when the registry answers insufficient_scope', async () => {
    const wide = 'repository:a/b:delete';
    const { send, tokens } = stage({
      registry: (_, authorization) => {
        if (authorization === undefined) return challenge(bearer());
        return authorization === bearing('t2')
          ? answer(200)
          : challenge(bearer(`,error="insufficient_scope",scope="${wide}"`), 403);
      },
    });
    assert.equal((await send()).status, 200);
    assert.deepEqual(tokens[1]?.url.searchParams.getAll('scope'), ['repository:a/b:pull,delete']);
  });

  it('any other 403 is returned', async () => {
    const { send, shown } = stage({ registry: () => challenge(bearer(), 403) });
    assert.equal((await send()).status, 403);
    assert.equal(shown.length, 1);
  });

  it('a 401 without a challenge is answered with the authentication that the registry asked for before', async () => {
    let first = true;
    const { send } = stage({
      registry: (_, authorization) => {
        if (first) {
          first = false;
          return challenge(bearer());
        }
        return authorization === bearing('t2') ? answer(200) : answer(401);
      },
    });
    await send();
    assert.equal((await send()).status, 200);
  });

  it('a 401 without a challenge is returned when the registry never sent one', async () => {
    const { send } = stage({ registry: () => answer(401), credential: alice });
    assert.equal((await send()).status, 401);
  });
});

describe('an identity token', () => {
  const credential: Credential = { kind: 'identity', token: secret('refresh') };

  it('an identity token is exchanged by POST', async () => {
    const { send, shown, tokens } = stage({
      registry: bearerRegistry,
      credential,
      service: () => json({ access_token: secret('fresh') }),
    });
    await send({ scopes: [...push, 'repository:c/d:pull'] });
    assert.deepEqual(shown, [undefined, bearing('fresh')]);
    assert.equal(tokens[0]?.method, 'POST');
    assert.deepEqual(Object.fromEntries(tokens[0]?.form ?? []), {
      grant_type: 'refresh_token',
      refresh_token: secret('refresh'),
      client_id: 'gantry',
      service: 'example',
      scope: 'repository:a/b:pull,push repository:c/d:pull',
    });
  });

  for (const status of [400, 404, 405, 501]) {
    it(`an identity token is sent by GET when the token service answers ${status} to a POST`, async () => {
      const { send, tokens } = stage({
        registry: bearerRegistry,
        credential,
        service: ({ method }) => (method === 'POST' ? answer(status) : json({ token: secret('x') })),
      });
      assert.equal((await send()).status, 200);
      assert.equal(tokens[1]?.authorization, basicOf('<token>', secret('refresh')));
    });
  }
});

describe('a token service', () => {
  for (const [name, reply, code] of [
    ['answers 401', answer(401), 'UNAUTHORIZED'],
    ['answers 403', answer(403), 'DENIED'],
    ['answers 429', answer(429), 'TOOMANYREQUESTS'],
    ['answers 404, which means no missing repository', answer(404), 'UNEXPECTED_STATUS'],
    ['redirects', answer(307, { headers: { location: ['https://evil.com/'] } }), 'UNEXPECTED_STATUS'],
    ['answers 500', answer(500), 'UNEXPECTED_STATUS'],
    ['answers with a web page', answer(200, { body: '<html>' }), 'CHALLENGE_INVALID'],
    ['answers without a token', json({ token: '' }), 'CHALLENGE_INVALID'],
    [
      'answers with a token of invalid characters',
      json({ token: `${secret('a')}\r\nevil: header` }),
      'CHALLENGE_INVALID',
    ],
    ['answers with more than 128 KiB', json({ token: 'x'.repeat(129 * 1024) }), 'TOO_LARGE'],
  ] as const) {
    it(`a token request rejects with ${code} when the service ${name}`, async () => {
      const { send } = stage({ registry: bearerRegistry, service: () => reply, credential: alice });
      await rejects(send(), code);
    });
  }

  it('the token service is asked again after a failure', async () => {
    const { send } = stage({
      registry: bearerRegistry,
      service: (_, number) => (number === 1 ? answer(500) : json({ token: secret('x') })),
    });
    await rejects(send(), 'UNEXPECTED_STATUS');
    assert.equal((await send()).status, 200);
  });

  it('the query of the realm is kept', async () => {
    const { send, tokens } = stage({
      registry: (_, authorization) =>
        authorization ? answer(200) : challenge(`Bearer realm="${realm}?a=%20b"`),
    });
    await send();
    assert.equal(tokens[0]?.url.search.startsWith('?a=%20b&scope='), true);
  });

  for (const [name, address, shown] of [
    ['on the same host', `${origin}/token`, true],
    ['at a relative address', '/token', true],
    ['on a host of the same domain', 'https://auth.example.com/token', true],
    ['on a host with a port', 'https://auth.example.com:8443/token', true],
    ["on somebody else's host", 'https://example.org/token', false],
    ['on a host name with the same ending', 'https://evilexample.com/token', false],
    ['on an IP address', 'https://203.0.113.7/token', false],
  ] as const) {
    it(`a token service ${name} does ${shown ? '' : 'not '}receive the credential`, async () => {
      const { send, tokens } = stage({
        credential: alice,
        registry: (_, authorization) =>
          authorization ? answer(200) : challenge(`Bearer realm="${address}"`),
      });
      assert.equal((await send()).status, 200);
      assert.equal(tokens[0]?.authorization, shown ? basicAlice : undefined);
    });
  }

  for (const address of [
    '',
    'http://auth.example.com/token',
    `https://user:${secret('realm')}@auth.example.com/token`,
    'ftp://auth.example.com/token',
    'https://127.0.0.1/token',
    'https://localhost/token',
    'https://2130706433/token',
    'https://10.0.0.1/token',
    'https://169.254.169.254/token',
    'https://[::ffff:127.0.0.1]/token',
    'https://[fe80::1]/token',
    'https://0.0.0.0/token',
  ]) {
    it(`the realm "${withoutSecrets(address)}" is CHALLENGE_INVALID, and no request goes there`, async () => {
      const { send, tokens } = stage({
        registry: () => challenge(`Bearer realm="${address}"`),
        credential: alice,
      });
      await rejects(send(), 'CHALLENGE_INVALID');
      assert.equal(tokens.length, 0);
    });
  }
});

describe('an unusable challenge', () => {
  it('a challenge that cannot be parsed is CHALLENGE_INVALID', () =>
    rejects(stage({ registry: () => challenge('"') }).send(), 'CHALLENGE_INVALID'));
  it('a challenge with unknown schemes is CHALLENGE_INVALID', () =>
    rejects(stage({ registry: () => challenge('Negotiate') }).send(), 'CHALLENGE_INVALID'));
});

describe('a refused request with a body', () => {
  const body = new TextEncoder().encode('body');
  async function* once(): AsyncGenerator<Uint8Array> {
    yield body;
  }

  it('a refused request is sent again when its body is replayable', async () => {
    const { send } = stage({ registry: bearerRegistry });
    assert.equal((await send({ method: 'PUT', body: bytesContent(body) })).status, 200);
  });

  it('the refusal is returned when the body is used up, and the next request carries the token', async () => {
    const { send } = stage({ registry: bearerRegistry });
    assert.equal((await send({ method: 'PUT', body: streamContent(once()) })).status, 401);
    await send();
    assert.equal((await send({ method: 'PUT', body: streamContent(once()) })).status, 200);
  });
});

describe('credentials', () => {
  for (const url of ['https://cdn.example.com/x', `${origin}:8443/x`, 'http://registry.example.com/x']) {
    it(`no credentials are sent to ${url}`, async () => {
      const { send, shown } = stage({ registry: bearerRegistry, credential: alice });
      await send();
      shown.length = 0;
      assert.equal((await send({ url })).status, 401);
      assert.deepEqual(shown, [undefined]);
    });
  }

  it('the Authorization header of a request is kept', async () => {
    const { send, shown } = stage({ registry: () => answer(401), credential: alice });
    await send({ headers: { authorization: [bearing('own')] } });
    assert.deepEqual(shown, [bearing('own')]);
  });

  it('the keychain is asked once for each repository, and again after a failure', async () => {
    const asked: (string | undefined)[] = [];
    let fails = true;
    const keychain: Keychain = async (_, repository) => {
      asked.push(repository);
      if (!fails) return undefined;
      fails = false;
      throw new Error('locked');
    };
    const { send } = stage({ registry: bearerRegistry, keychain });
    await assert.rejects(send());
    await send();
    await send();
    await send({ scopes: ['repository:c:pull'] });
    assert.deepEqual(asked, ['a/b', 'a/b', 'c']);
  });
});

describe('an abort', () => {
  it('an abort ends the wait for a keychain, aborts it, and the next request asks it again', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const keychain: Keychain = (_, __, { signal } = {}) => {
      if (signals.push(signal) > 1) return Promise.resolve(alice);
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        abort.abort(reason);
      });
    };
    const reason = new Error('enough');
    const abort = new AbortController();
    const { send } = stage({ registry: wantsBasic, keychain });
    await assert.rejects(send({ signal: abort.signal }), reason);
    assert.equal(signals[0]?.aborted, true);
    assert.equal((await send()).status, 200);
    assert.equal(signals.length, 2);
  });

  it('an aborted request does not take the token from the other requests that wait for it', async () => {
    let release: (() => void) | undefined;
    let asked: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { send, tokens } = stage({
      registry: bearerRegistry,
      service: async () => {
        asked?.();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return json({ token: secret('x') });
      },
    });
    const reason = new Error('enough');
    const abort = new AbortController();
    const impatient = assert.rejects(send({ signal: abort.signal }), (error) => error === reason);
    const patient = send();
    await waiting;
    // The other request continues once the token request is sent, and from then on waits for the token.
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort(reason);
    await impatient;
    release?.();
    assert.equal((await patient).status, 200);
    assert.equal(tokens.length, 1);
  });
});
