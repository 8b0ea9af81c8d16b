import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { createTokens, type Tokens } from '../../src/server/access/tokens.ts';
import { createApp } from '../../src/server/app.ts';
import {
  type Ask,
  type Asked,
  asking,
  assertRefused,
  digestText,
  pushImage,
} from '../../src/server/ask.test.support.ts';
import { alsoSecret, secret } from '../secret.ts';
import {
  as,
  askingWith,
  bearing,
  type GuardedApp,
  guardedApp,
  loginOf,
  passwordOf,
  standingClock,
  tokenIn,
} from './access-stage.ts';

const rules = `
rules:
  - repositories: ["team/**"]
    users: [alice]
    allow: [pull, push]
  - repositories: ["team/**"]
    users: [bob]
    allow: [create]
  - repositories: [open/app]
    anonymous: true
    allow: [pull]
`;

interface Claims {
  readonly sub: string;
  readonly aud: string;
  readonly iss: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly access: readonly { readonly name: string; readonly actions: readonly string[] }[];
}

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** Returns the rights of a token as scopes. */
function accessOf(token: string): readonly string[] {
  return claimsOf(token).access.map(({ name, actions }) => `${name}:${actions.join(',')}`);
}

const form = { 'content-type': 'application/x-www-form-urlencoded' };

function post(ask: Ask, fields: Readonly<Record<string, string>>): Promise<Asked> {
  return ask('POST', '/v2/token', { body: new URLSearchParams(fields).toString(), headers: form });
}

describe('a token', () => {
  it('a token grants the requested rights that are allowed', async () => {
    const { token } = await guardedApp({ rules });
    const asked = ['repository:team/app:pull,push,delete', 'repository:other:pull', 'repository:open/app:*'];
    assert.deepEqual(accessOf(await token('alice', ...asked)), ['team/app:pull,push', 'open/app:pull']);
    assert.deepEqual(accessOf(await token('alice', asked.join(' '))), [
      'team/app:pull,push',
      'open/app:pull',
    ]);
    assert.deepEqual(accessOf(await token('bob', ...asked)), ['team/app:push', 'open/app:pull']);
    assert.deepEqual(accessOf(await token(undefined, ...asked)), ['open/app:pull']);
  });

  it('a token for meaningless scopes grants nothing, and is no failure', async () => {
    const { token } = await guardedApp();
    const scopes = [
      'aws',
      '*',
      ':',
      '::',
      'repository:A:pull',
      'repository:a',
      'plugin:a:pull',
      'repository:a:fly',
    ];
    assert.deepEqual(accessOf(await token('alice', ...scopes)), []);
    const many = Array.from({ length: 200 }, (_, at) => `repository:a${at}:pull`);
    assert.equal(accessOf(await token('alice', ...many)).length, 100);
  });

  it('a token has the form of the specification', async () => {
    const { ask, clock } = await guardedApp();
    const answer = await ask('GET', '/v2/token?service=gantry&scope=repository:a:pull', as('alice'));
    const body = JSON.parse(answer.text);
    assert.equal(answer.status, 200);
    assert.equal(answer.header('cache-control'), 'no-store');
    assert.deepEqual(Object.keys(body), ['token', 'access_token', 'expires_in', 'issued_at']);
    assert.equal(body.token, body.access_token);
    assert.deepEqual([body.expires_in, Date.parse(body.issued_at)], [300, clock.now()]);
    const { sub, aud, iat, nbf, exp } = claimsOf(body.token);
    assert.deepEqual([sub, aud, nbf, exp - iat], ['alice', 'gantry', iat, 300]);
    assert.ok(!Buffer.from(body.token.split('.')[1], 'base64url').includes(passwordOf('alice')));
  });

  it('GET and POST return a token, for this service only', async () => {
    const { ask } = await guardedApp();
    for (const method of ['PUT', 'DELETE', 'HEAD', 'PATCH']) {
      assert.equal((await ask(method, '/v2/token', as('alice'))).status, 405);
    }
    assert.equal((await ask('GET', '/v2/token?service=other', as('alice'))).status, 400);
    const grant = { grant_type: 'password', username: 'alice', password: passwordOf('alice') };
    assert.equal((await post(ask, { ...grant, service: 'other' })).status, 400);
    assert.equal((await post(ask, { ...grant, service: 'gantry' })).status, 200);
  });

  it('a token in place of a password gets no token', async () => {
    const { ask, token } = await guardedApp();
    assertRefused(await ask('GET', '/v2/token', bearing(await token('alice'))), 401, 'UNAUTHORIZED');
  });
});

describe('the challenge', () => {
  const rows: readonly [method: string, path: string, scope: string | undefined][] = [
    ['GET', '', undefined],
    ['GET', '_catalog', 'registry:catalog:*'],
    ['GET', 'a/tags/list', 'repository:a:pull'],
    ['HEAD', 'a/manifests/1', 'repository:a:pull'],
    ['PUT', 'a/manifests/1', 'repository:a:pull,push'],
    ['DELETE', 'a/manifests/1', 'repository:a:pull,delete'],
    ['POST', 'a/blobs/uploads/', 'repository:a:pull,push'],
    ['POST', `a/blobs/uploads/?mount=${digestText('x')}&from=b`, 'repository:a:pull,push repository:b:pull'],
    ['POST', `a/blobs/uploads/?mount=${digestText('x')}&from=b%22%0d%0a`, 'repository:a:pull,push'],
  ];
  for (const [method, path, scope] of rows) {
    it(`the challenge of ${method} /v2/${path.replace(/sha256:\w+/, 'DIGEST')} asks for ${scope ?? 'no scope'}`, async () => {
      const { ask } = await guardedApp({ publicUrl: 'https://registry.example' });
      const answer = await ask(method, `/v2/${path}`);
      assert.equal(answer.status, 401);
      const start = 'Bearer realm="https://registry.example/v2/token",service="registry.example"';
      assert.deepEqual(answer.lines('www-authenticate'), [
        scope === undefined ? start : `${start},scope="${scope}"`,
      ]);
    });
  }

  it('the challenge is Basic if the registry cannot know its address, and Basic is always accepted', async () => {
    const unknown = await guardedApp();
    const headers = { host: 'evil.example' };
    assert.deepEqual((await unknown.ask('GET', '/v2/', { headers })).lines('www-authenticate'), [
      'Basic realm="gantry", charset="UTF-8"',
    ]);
    const known = await guardedApp({ publicUrl: 'https://registry.example' });
    for (const { ask } of [unknown, known]) assert.equal((await ask('GET', '/v2/', as('alice'))).status, 200);
  });

  it('the challenge tells the reason for the refusal of a token', async () => {
    const { ask, token } = await guardedApp({ publicUrl: 'https://registry.example' });
    const push = (value: string): Promise<Asked> => ask('POST', '/v2/a/blobs/uploads/', bearing(value));
    const invalid = await push('nothing');
    assert.match(invalid.header('www-authenticate') ?? '', /,error="invalid_token"$/);
    const narrow = await push(await token('alice', 'repository:a:pull'));
    assertRefused(narrow, 401, 'UNAUTHORIZED');
    assert.match(
      narrow.header('www-authenticate') ?? '',
      /scope="repository:a:pull,push",error="insufficient_scope"$/,
    );
  });
});

/** Makes a registry with an image, alice’s token for it, and a function that signs with its key. */
async function stage(): Promise<
  GuardedApp & { readonly key: Uint8Array; readonly pull: (token: string) => Promise<number> }
> {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const app = await guardedApp({ key });
  await pushImage(askingWith(app.ask, as('alice')), 'team/app', '1');
  await pushImage(askingWith(app.ask, as('alice')), 'team/application', '1');
  const pull = async (token: string): Promise<number> =>
    (await app.ask('GET', '/v2/team/app/manifests/1', bearing(token))).status;
  return { ...app, key, pull };
}

const scope = 'repository:team/app:pull';

describe('a token is taken', () => {
  it('a token is accepted for exactly its repository and actions', async () => {
    const { ask, token, pull } = await stage();
    const bearer = bearing(await token('alice', scope));
    assert.equal(await pull(await token('alice', scope)), 200);
    const others: readonly [method: string, path: string][] = [
      ['GET', 'team/application/manifests/1'],
      ['GET', 'team/ap/manifests/1'],
      ['GET', 'team/manifests/1'],
      ['GET', 'team/app/more/manifests/1'],
      ['POST', 'team/app/blobs/uploads/'],
      ['PUT', 'team/app/manifests/1'],
      ['DELETE', 'team/app/manifests/1'],
      ['GET', '_catalog'],
    ];
    for (const [method, path] of others) {
      assertRefused(await ask(method, `/v2/${path}`, bearer), 401, 'UNAUTHORIZED');
    }
    assert.equal((await ask('GET', '/v2/', bearer)).status, 200);
  });

  it('a token is accepted for its life, and no second longer', async () => {
    const { token, pull, clock } = await stage();
    const value = await token('alice', scope);
    clock.move(299_000);
    assert.equal(await pull(value), 200);
    clock.move(1_000);
    assert.equal(await pull(value), 401);
  });

  it('a token is accepted not before its time, but by the clock of a neighbour', async () => {
    const { token, pull, clock } = await stage();
    const value = await token('alice', scope);
    clock.move(-60_000);
    assert.equal(await pull(value), 200);
    clock.move(-1_000);
    assert.equal(await pull(value), 401);
  });

  it('a token is accepted after a restart with the same key, by the same service', async () => {
    const { token, key, registry } = await stage();
    const value = bearing(await token('alice', scope));
    const statusAt = async (options: Parameters<typeof guardedApp>[0]): Promise<number> =>
      (await (await guardedApp({ registry, ...options })).ask('GET', '/v2/team/app/manifests/1', value))
        .status;
    assert.equal(await statusAt({ key }), 200);
    assert.equal(await statusAt({}), 401, 'another key');
    assert.equal(await statusAt({ key, publicUrl: 'https://registry.example' }), 401, 'another service');
    assert.equal(await statusAt({ key, users: ['bob'] }), 401, 'its user has gone');
  });

  it('a token is accepted until its user has another password', async () => {
    const registry = createMemoryRegistry();
    const login = loginOf(['alice']);
    const ask = asking(createApp(registry, { access: createAccess({ login }) }));
    const value = bearing(tokenIn(await ask('GET', '/v2/token', as('alice'))));
    assert.equal((await ask('GET', '/v2/', value)).status, 200);
    login.passwords.set('alice', secret('changed'));
    assert.equal((await ask('GET', '/v2/', value)).status, 401);
  });
});

const parts = (token: string): readonly [string, string, string] => {
  const [header = '', payload = '', mark = ''] = token.split('.');
  return [header, payload, mark];
};

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token is not taken', () => {
  const forgeries: readonly [what: string, forge: (token: string, key: Uint8Array) => string][] = [
    [
      'that claims to need no signature',
      (token) => `${encode({ alg: 'none', typ: 'JWT' })}.${parts(token)[1]}.`,
    ],
    ['without its signature', (token) => parts(token).slice(0, 2).join('.')],
    ['with an empty signature', (token) => `${parts(token).slice(0, 2).join('.')}.`],
    ['with half a signature', (token) => token.slice(0, -20)],
    ['with more after it', (token) => `${token}.more`],
    [
      'with another header of the same meaning',
      (token) => {
        const [, payload, mark] = parts(token);
        return `${encode({ typ: 'JWT', alg: 'HS256' })}.${payload}.${mark}`;
      },
    ],
    [
      'of another algorithm, signed with our own key',
      (token, key) => {
        const text = `${encode({ alg: 'HS512', typ: 'JWT' })}.${parts(token)[1]}`;
        return `${text}.${createHmac('sha512', key).update(text).digest('base64url')}`;
      },
    ],
    [
      'that brings its own key',
      (token) => {
        const own = Buffer.from(secret('own-key'));
        const text = `${encode({ alg: 'HS256', typ: 'JWT', jwk: { kty: 'oct', k: own.toString('base64url') } })}.${parts(token)[1]}`;
        return `${text}.${createHmac('sha256', own).update(text).digest('base64url')}`;
      },
    ],
    [
      'signed with the master key',
      (token, key) => {
        const text = parts(token).slice(0, 2).join('.');
        return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
      },
    ],
    [
      'with other claims',
      (token) => {
        const [header, payload, mark] = parts(token);
        const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
        return `${header}.${encode({ ...claims, sub: 'bob' })}.${mark}`;
      },
    ],
    ['with a character that base64url leaves out', (token) => `${token}=`],
    ['that is one letter', () => 'x'],
    ['of dots', () => '..'],
  ];
  for (const [what, forge] of forgeries) {
    it(`a token ${what} is refused`, async () => {
      const { token, pull, key } = await stage();
      assert.equal(await pull(forge(await token('alice', scope), key)), 401);
    });
  }

  // id: s13-changed-token
  it('a token with any changed character is refused', async () => {
    const { token, pull } = await stage();
    const value = await token('alice', scope);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(value.length - 1),
        fc.constantFrom(...Array.from('aZ0-_.')),
        async (at, character) => {
          fc.pre(value[at] !== character);
          assert.equal(await pull(`${value.slice(0, at)}${character}${value.slice(at + 1)}`), 401);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('a token of another user is refused for actions that only the first may do', async () => {
    const app = await guardedApp({ rules });
    await pushImage(askingWith(app.ask, as('alice')), 'team/app', '1');
    const bob = bearing(await app.token('bob', 'repository:team/app:pull,push'));
    assertRefused(await app.ask('GET', '/v2/team/app/manifests/1', bob), 403, 'DENIED');
    const nobody = bearing(await app.token(undefined, 'repository:team/app:pull'));
    assertRefused(await app.ask('GET', '/v2/team/app/manifests/1', nobody), 401, 'UNAUTHORIZED');
  });
});

const refreshIn = ({ text }: Asked): string => {
  const token: string = JSON.parse(text).refresh_token;
  alsoSecret(token);
  return token;
};

describe('a refresh token', () => {
  const offline = {
    grant_type: 'password',
    username: 'alice',
    password: passwordOf('alice'),
    access_type: 'offline',
  };

  it('GET and POST return a refresh token on request, and it brings tokens', async () => {
    const { ask } = await guardedApp({ rules });
    for (const answer of [
      await ask('GET', '/v2/token?offline_token=true', as('alice')),
      await post(ask, offline),
    ]) {
      const refresh_token = refreshIn(answer);
      const again = await post(ask, {
        grant_type: 'refresh_token',
        refresh_token,
        scope: 'repository:team/app:pull repository:x:pull',
      });
      assert.equal(again.status, 200);
      assert.deepEqual(accessOf(tokenIn(again)), ['team/app:pull']);
      assert.equal(JSON.parse(again.text).refresh_token, refresh_token);
    }
    assert.equal(
      JSON.parse((await ask('GET', '/v2/token?offline_token=true')).text).refresh_token,
      undefined,
    );
  });

  it('a refresh token is no access token, and an access token no refresh token', async () => {
    const { ask, token } = await guardedApp();
    const refresh = refreshIn(await post(ask, offline));
    assert.equal((await ask('GET', '/v2/', bearing(refresh))).status, 401);
    for (const refresh_token of [await token('alice'), '', 'x']) {
      assertRefused(await post(ask, { grant_type: 'refresh_token', refresh_token }), 401, 'UNAUTHORIZED');
    }
  });

  it('a refresh token ends after 90 days, and with the password', async () => {
    const clock = standingClock();
    const login = loginOf(['alice']);
    const ask = asking(createApp(createMemoryRegistry(), { access: createAccess({ login, clock }) }));
    const refresh_token = refreshIn(await post(ask, offline));
    const status = async (): Promise<number> =>
      (await post(ask, { grant_type: 'refresh_token', refresh_token })).status;
    clock.move((90 * 24 * 3600 - 1) * 1000);
    assert.equal(await status(), 200);
    clock.move(1000);
    assert.equal(await status(), 401);
    clock.move(-1000);
    login.passwords.set('alice', secret('changed'));
    assert.equal(await status(), 401);
  });
});

describe('a question for a token by POST', () => {
  const rows: readonly [what: string, fields: Readonly<Record<string, string>>, status: number][] = [
    ['with a wrong password', { grant_type: 'password', username: 'alice', password: secret('wrong') }, 401],
    ['without a password', { grant_type: 'password', username: 'alice' }, 401],
    ['without a grant', {}, 400],
    ['of another grant', { grant_type: 'authorization_code', code: secret('code') }, 400],
    ['that is too long', { grant_type: 'password', username: 'x'.repeat(64 * 1024) }, 413],
  ];
  for (const [what, fields, status] of rows) {
    it(`a POST for a token ${what} gets ${status}`, async () => {
      const { ask } = await guardedApp();
      const answer = await post(ask, fields);
      assert.equal(answer.status, status);
      for (const value of Object.values(fields))
        if (value !== 'alice') assert.ok(!answer.text.includes(value));
    });
  }

  it('a POST for a token without a body gets 400', async () => {
    const { ask } = await guardedApp();
    assert.equal((await ask('POST', '/v2/token')).status, 400);
  });
});

const make = (service: string, key: Uint8Array): Tokens =>
  createTokens({ key, service, login: loginOf(['alice']), life: 60, clock: standingClock() });

describe('the tokens of a service', () => {
  it('a token is refused by another service with the same key, and names no secret', async () => {
    const key = crypto.getRandomValues(new Uint8Array(32));
    const one = make('one', key);
    const token = await one.issue({ name: 'alice', stamp: passwordOf('alice') }, []);
    assert.equal((await one.check(token))?.user, 'alice');
    assert.equal(await make('two', key).check(token), undefined);
    const other = await one.issue({ name: 'alice', stamp: secret('other stamp') }, []);
    assert.equal(await one.check(other), undefined);
  });
});
