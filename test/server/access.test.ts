import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { openRules } from '../../src/server/access/rules-file.ts';
import { createApp } from '../../src/server/app.ts';
import {
  type Ask,
  type Asked,
  type AskOptions,
  asking,
  assertRefused,
  digestText,
  imageText,
  ociManifest,
  pushBlob,
  pushImage,
} from '../../src/server/ask.test.support.ts';
import { secret } from '../secret.ts';
import { as, askingWith, bearing, guardedApp, loginOf, passwordOf, tokenIn } from './access-stage.ts';

const rules = `
rules:
  - repositories: ["team/**"]
    users: [alice]
    allow: [pull, push, delete]
  - repositories: [team/app]
    users: [bob]
    allow: [pull, create]
  - repositories: [open/app]
    anonymous: true
    allow: [pull]
  - repositories: [bobs/app]
    users: [bob]
    allow: [pull, push]
`;

const digest = digestText('layer');

/** Every request that a registry knows for one repository. */
const requests: readonly [method: string, path: string][] = [
  ['GET', 'blobs/DIGEST'],
  ['HEAD', 'blobs/DIGEST'],
  ['DELETE', 'blobs/DIGEST'],
  ['POST', 'blobs/uploads/'],
  ['POST', 'blobs/uploads/?digest=DIGEST'],
  ['POST', 'blobs/uploads/?mount=DIGEST&from=open/app'],
  ['POST', 'blobs/uploads/?mount=DIGEST'],
  ['GET', 'blobs/uploads/c2Vzc2lvbg'],
  ['PATCH', 'blobs/uploads/c2Vzc2lvbg'],
  ['PUT', 'blobs/uploads/c2Vzc2lvbg?digest=DIGEST'],
  ['DELETE', 'blobs/uploads/c2Vzc2lvbg'],
  ['GET', 'manifests/1'],
  ['HEAD', 'manifests/1'],
  ['GET', 'manifests/DIGEST'],
  ['PUT', 'manifests/1'],
  ['PUT', 'manifests/DIGEST?tag=1'],
  ['DELETE', 'manifests/1'],
  ['DELETE', 'manifests/DIGEST'],
  ['GET', 'tags/list'],
  ['HEAD', 'tags/list'],
  ['GET', 'referrers/DIGEST'],
  ['HEAD', 'referrers/DIGEST'],
];

function target(repository: string, path: string): string {
  return `/v2/${repository}/${path.replace('DIGEST', digest)}`;
}

/** Puts an image into each repository, directly and without rights. */
async function filled(repositories: readonly string[]): Promise<ReturnType<typeof createMemoryRegistry>> {
  const registry = createMemoryRegistry();
  const ask = asking(createApp(registry));
  for (const repository of repositories) await pushImage(ask, repository, '1');
  return registry;
}

// id: s6-login-first
describe('without a login nothing is answered but the way to one', () => {
  for (const [method, path] of [...requests, ['GET', ''] as const]) {
    it(`${method} ${path || '/v2/'} without a login is 401 with a challenge`, async () => {
      const { ask } = await guardedApp({ registry: await filled(['team/app']) });
      const refused = await ask(method, path === '' ? '/v2/' : target('team/app', path));
      assert.equal(refused.status, 401);
      assert.match(refused.header('www-authenticate') ?? '', /^Basic /);
      if (method !== 'HEAD') assertRefused(refused, 401, 'UNAUTHORIZED');
    });
  }

  it('the catalog without a login is 401', async () => {
    const { ask } = await guardedApp({ rules });
    for (const method of ['GET', 'HEAD']) assert.equal((await ask(method, '/v2/_catalog')).status, 401);
  });
});

describe('a user without the right is denied, whether there is anything or not', () => {
  for (const [method, path] of requests) {
    it(`${method} ${path} without the right is denied, alike for present and absent content`, async () => {
      const { ask, token } = await guardedApp({ rules, registry: await filled(['team/secret']) });
      const basic = await ask(method, target('team/secret', path), as('bob'));
      const absent = await ask(method, target('team/absent', path), as('bob'));
      assert.deepEqual([basic.status, absent.status], [403, 403]);
      assert.equal(basic.text.replace('secret', 'absent'), absent.text);
      assert.equal(basic.header('www-authenticate'), undefined);
      // A token that claims the rights changes nothing: the registry looks up rights for each request.
      const bearer = bearing(await token('bob', 'repository:team/secret:pull,push,delete'));
      assert.equal((await ask(method, target('team/secret', path), bearer)).status, 403);
    });
  }
});

describe('rights', () => {
  it('without rules, users have all rights, and others none', async () => {
    const { ask } = await guardedApp();
    const alice = askingWith(ask, as('alice'));
    await pushImage(alice, 'any/thing', '1');
    assert.equal((await alice('DELETE', '/v2/any/thing/manifests/1')).status, 202);
    assert.equal((await alice('GET', '/v2/')).status, 200);
    assertRefused(await ask('GET', '/v2/token'), 401, 'UNAUTHORIZED');
  });

  // id: s7-create-only
  it('the right to create lets a user set new tags, and move none', async () => {
    const { ask } = await guardedApp({ rules });
    const [alice, bob] = [askingWith(ask, as('alice')), askingWith(ask, as('bob'))];
    const first = await pushImage(alice, 'team/app', '1');
    const body = imageText({ annotations: { other: 'image' } });
    const headers = { 'content-type': ociManifest };
    const put = (reference: string): Promise<Asked> =>
      bob('PUT', `/v2/team/app/manifests/${reference}`, { body, headers });
    assertRefused(await put('1'), 403, 'DENIED');
    assertRefused(await put(`${digestText(body)}?tag=2&tag=1`), 403, 'DENIED');
    assert.equal((await bob('HEAD', '/v2/team/app/manifests/2')).status, 404);
    assert.equal((await put('2')).status, 201);
    assert.equal((await put('2')).status, 201, 'the same again moves nothing');
    assert.equal(
      (await bob('HEAD', '/v2/team/app/manifests/1')).header('docker-content-digest'),
      first.digest,
    );
    assertRefused(await bob('DELETE', '/v2/team/app/manifests/2'), 403, 'DENIED');
    assert.equal((await alice('PUT', '/v2/team/app/manifests/1', { body, headers })).status, 201);
  });

  it('the right to create lets only one of two concurrent users set a tag', async () => {
    const { ask } = await guardedApp({ rules });
    const bob = askingWith(ask, as('bob'));
    await pushBlob(bob, 'team/app', '{}');
    await pushBlob(bob, 'team/app', 'layer');
    const statuses = await Promise.all(
      ['a', 'b', 'c'].map(async (text) => {
        const body = imageText({ annotations: { text } });
        const headers = { 'content-type': ociManifest };
        return (await bob('PUT', '/v2/team/app/manifests/new', { body, headers })).status;
      }),
    );
    assert.deepEqual(
      statuses.toSorted((a, b) => a - b),
      [201, 403, 403],
    );
  });

  it('the catalog lists the repositories that a user can pull, in pages', async () => {
    const registry = await filled(['team/app', 'team/secret', 'open/app', 'bobs/app', 'other']);
    const { ask, token } = await guardedApp({ rules, registry });
    const names = async (options: AskOptions, query = ''): Promise<unknown> => {
      const answer = await ask('GET', `/v2/_catalog${query}`, options);
      return JSON.parse(answer.text).repositories;
    };
    assert.deepEqual(await names(as('alice')), ['open/app', 'team/app', 'team/secret']);
    assert.deepEqual(await names(as('bob')), ['bobs/app', 'open/app', 'team/app']);
    assert.deepEqual(await names(as('bob'), '?n=1&last=bobs/app'), ['open/app']);
    const scope = 'registry:catalog:*';
    assert.deepEqual(await names(bearing(await token('bob', scope))), ['bobs/app', 'open/app', 'team/app']);
    assert.deepEqual(await names(bearing(await token(undefined, scope))), ['open/app']);
  });

  it('rights of everybody need no token, and other requests lead to a login', async () => {
    const { ask } = await guardedApp({ rules, registry: await filled(['open/app', 'team/app']) });
    assert.equal((await ask('GET', '/v2/open/app/manifests/1')).status, 200);
    assert.equal((await ask('GET', '/v2/open/app/tags/list')).status, 200);
    assert.equal((await ask('GET', '/v2/team/app/manifests/1')).status, 401);
    assert.equal((await ask('POST', '/v2/open/app/blobs/uploads/')).status, 401);
    assert.equal((await ask('GET', '/v2/')).status, 401, 'or no client would ever log in');
  });

  it('rules also hold for a registry without a login', async () => {
    const registry = await filled(['open/app', 'team/app']);
    const access = createAccess({ rules: await openRules(async () => rules) });
    const ask = asking(createApp(registry, { access }));
    assert.equal((await ask('GET', '/v2/')).status, 200);
    assert.equal((await ask('GET', '/v2/open/app/manifests/1')).status, 200);
    assertRefused(await ask('GET', '/v2/team/app/manifests/1', as('alice')), 403, 'DENIED');
    assertRefused(await ask('POST', '/v2/open/app/blobs/uploads/'), 403, 'DENIED');
    assert.deepEqual(JSON.parse((await ask('GET', '/v2/_catalog')).text), { repositories: ['open/app'] });
    assertRefused(await ask('GET', '/v2/token'), 404, 'NAME_UNKNOWN');
  });

  // id: s14-rules-change
  it('changed rules also count for tokens from before the change', async () => {
    let text = rules;
    const registry = await filled(['team/app']);
    const login = loginOf(['bob']);
    const access = createAccess({ login, rules: await openRules(async () => text) });
    const ask = asking(createApp(registry, { access }));
    const bearer = bearing(tokenIn(await ask('GET', '/v2/token?scope=repository:team/app:pull', as('bob'))));
    assert.equal((await ask('GET', '/v2/team/app/manifests/1', bearer)).status, 200);
    text = 'rules: []';
    assertRefused(await ask('GET', '/v2/team/app/manifests/1', bearer), 403, 'DENIED');
  });
});

const mount = (ask: Ask, to: string, from?: string): Promise<Asked> =>
  ask('POST', `/v2/${to}/blobs/uploads/?mount=${digest}${from === undefined ? '' : `&from=${from}`}`);

const shapeOf = ({ status, headers, text }: Asked): unknown => [status, Object.keys(headers).sort(), text];

describe('a mount', () => {
  // id: s4-mount-source
  it('a mount reads only repositories that its user can pull, and fails alike for all reasons', async () => {
    const registry = await filled(['team/secret', 'open/app']);
    const { ask } = await guardedApp({ rules, registry });
    const bob = askingWith(ask, as('bob'));
    const denied = await mount(bob, 'bobs/app', 'team/secret');
    assert.equal(denied.status, 202);
    for (const from of ['team/absent', 'bobs/app', 'team/app', 'No/Name', 'a%22,b']) {
      assert.deepEqual(shapeOf(await mount(bob, 'bobs/app', from)), shapeOf(denied), from);
    }
    assert.equal((await bob('HEAD', `/v2/bobs/app/blobs/${digest}`)).status, 404);
    assert.equal((await mount(bob, 'bobs/app', 'open/app')).status, 201);
  });

  it('a mount does not name an unreadable source to the registry behind this one', async () => {
    const named: unknown[] = [];
    const inner = await filled(['open/app']);
    const { ask } = await guardedApp({
      rules,
      registry: {
        repository(name, intent) {
          named.push(intent?.mountFrom);
          return inner.repository(name, intent);
        },
        repositories: (options) => inner.repositories(options),
      },
    });
    const bob = askingWith(ask, as('bob'));
    for (const from of ['team/secret', 'open/app']) await mount(bob, 'bobs/app', from);
    assert.deepEqual(named, [[], ['open/app']]);
  });

  it('a mount without a source looks only where its user can pull', async () => {
    const { ask, registry } = await guardedApp({ rules, registry: await filled(['team/secret']) });
    const bob = askingWith(ask, as('bob'));
    assert.equal((await mount(bob, 'bobs/app')).status, 202);
    await pushImage(asking(createApp(registry)), 'open/app', '1');
    assert.equal((await mount(bob, 'bobs/app')).status, 201);
    assert.equal((await mount(askingWith(ask, as('alice')), 'team/new')).status, 201);
  });

  it('a mount by a token asks the rules for the source, and the token for the rest', async () => {
    const { ask, token } = await guardedApp({ rules, registry: await filled(['open/app', 'team/secret']) });
    const bearer = askingWith(ask, bearing(await token('bob', 'repository:bobs/app:pull,push')));
    assert.equal((await mount(bearer, 'bobs/app', 'team/secret')).status, 202);
    assert.equal((await mount(bearer, 'bobs/app', 'open/app')).status, 201);
    assert.equal((await mount(bearer, 'team/app', 'open/app')).status, 401);
  });
});

const begin = async (ask: Ask, repository: string): Promise<string> => {
  const started = await ask('POST', `/v2/${repository}/blobs/uploads/`);
  assert.equal(started.status, 202);
  return started.header('location') ?? '';
};

describe('an upload session', () => {
  // id: s3-session-owner
  it('an upload session belongs to its user and its repository', async () => {
    const { ask, token } = await guardedApp();
    const [alice, bob] = [askingWith(ask, as('alice')), askingWith(ask, as('bob'))];
    const location = await begin(alice, 'team/app');
    for (const [method, query] of [
      ['GET', ''],
      ['PATCH', ''],
      ['PUT', `?digest=${digest}`],
      ['DELETE', ''],
    ] as const) {
      const options = { body: 'layer' };
      assertRefused(await bob(method, `${location}${query}`, options), 404, 'BLOB_UPLOAD_UNKNOWN');
      const elsewhere = `${location.replace('team/app', 'team/other')}${query}`;
      assertRefused(await alice(method, elsewhere, options), 404, 'BLOB_UPLOAD_UNKNOWN');
    }
    const bearer = askingWith(ask, bearing(await token('alice', 'repository:team/app:push')));
    assert.equal((await bearer('GET', location)).header('range'), '0-0');
    const chunk = await alice('PATCH', location, { body: 'lay' });
    assert.equal(chunk.status, 202);
    const end = await bearer('PUT', `${chunk.header('location')}?digest=${digest}`, { body: 'er' });
    assert.equal(end.status, 201);
  });

  it('an upload session with an invented name belongs to nobody', async () => {
    const { ask } = await guardedApp();
    const alice = askingWith(ask, as('alice'));
    const location = await begin(alice, 'a');
    const id = Buffer.from(location.slice(location.lastIndexOf('/') + 1), 'base64url').toString();
    const [name = '', mark = ''] = id.split('.');
    const other = mark.startsWith('A') ? `B${mark.slice(1)}` : `A${mark.slice(1)}`;
    for (const made of [name, `${name}.`, `${name}.${other}`, `.${mark}`, `${name}x.${mark}`, '.', 'x']) {
      const path = `/v2/a/blobs/uploads/${Buffer.from(made).toString('base64url')}`;
      assertRefused(await alice('GET', path), 404, 'BLOB_UPLOAD_UNKNOWN');
    }
    assert.equal((await alice('GET', location)).status, 204);
  });

  it('an upload session continues after a restart with the same key, and with no other', async () => {
    const registry = createMemoryRegistry();
    const key = crypto.getRandomValues(new Uint8Array(32));
    const before = await guardedApp({ registry, key });
    const location = await begin(askingWith(before.ask, as('alice')), 'a');
    const after = await guardedApp({ registry, key });
    assert.equal((await after.ask('GET', location, as('alice'))).status, 204);
    assert.equal((await after.ask('GET', location, as('bob'))).status, 404);
    const other = await guardedApp({ registry });
    assert.equal((await other.ask('GET', location, as('alice'))).status, 404);
  });
});

describe('wrong credentials', () => {
  const lines: readonly [what: string, authorization: string][] = [
    ['a wrong password', as('alice', secret('wrong')).headers?.['authorization'] ?? ''],
    ['another user’s password', as('bob', passwordOf('alice')).headers?.['authorization'] ?? ''],
    ['an unknown user', as('carol').headers?.['authorization'] ?? ''],
    ['a credential without a colon', `Basic ${btoa('alice')}`],
    ['broken base64', 'Basic ***'],
    ['bytes that are not UTF-8', `Basic ${btoa('alice:\xff\xfe')}`],
    ['nothing after the scheme', 'Basic'],
    ['another scheme', 'Digest username="alice"'],
    ['an empty Authorization', ''],
  ];
  for (const [what, authorization] of lines) {
    it(`a client with ${what} is refused`, async () => {
      const { ask } = await guardedApp({ rules, registry: await filled(['open/app']) });
      for (const path of ['/v2/', '/v2/open/app/manifests/1', '/v2/token']) {
        assertRefused(await ask('GET', path, { headers: { authorization } }), 401, 'UNAUTHORIZED');
      }
    });
  }

  it('a client with two Authorizations is refused', async () => {
    const access = createAccess({ login: loginOf(['alice']) });
    const line = as('alice').headers?.['authorization'] ?? '';
    const app = createApp(createMemoryRegistry(), { access });
    const headers = { authorization: [line, line] };
    assert.equal((await app({ method: 'GET', url: '/v2/', headers, replay: 'never' })).status, 401);
  });
});

describe('the options of access', () => {
  const rows: readonly [what: string, options: Parameters<typeof createAccess>[0]][] = [
    ['a short key', { key: new Uint8Array(31) }],
    ['a public URL with a path', { publicUrl: 'https://registry.example/path' }],
    ['a life of no time', { tokenLife: 0 }],
    ['a life that is no whole number', { tokenLife: 1.5 }],
  ];
  for (const [what, options] of rows) {
    it(`the options of access are refused with ${what}`, () =>
      assert.throws(() => createAccess(options), { code: 'INVALID_OPTION' }));
  }
});
