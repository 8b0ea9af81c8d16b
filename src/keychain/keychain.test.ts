import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import type { Credential } from './credential.ts';
import { auth, basic, config, entry, home } from './home.test.support.ts';
import { createKeychain } from './keychain.ts';

describe("docker's file", () => {
  const user = auth('user:kept');
  const rows: readonly (readonly [
    string,
    {
      readonly auths: Readonly<Record<string, unknown>>;
      readonly registry: string;
      readonly repository?: string;
    },
    Credential | undefined,
  ])[] = [
    ['finds a host', { auths: { 'ghcr.io': { auth: user } }, registry: 'ghcr.io' }, basic('user', 'kept')],
    [
      'finds a host with a port',
      { auths: { 'reg:5000': { auth: user } }, registry: 'reg:5000' },
      basic('user', 'kept'),
    ],
    [
      'does not confuse two ports',
      { auths: { 'reg:5000': { auth: user } }, registry: 'reg:5001' },
      undefined,
    ],
    [
      'distinguishes a host with a port from one without',
      { auths: { reg: { auth: user } }, registry: 'reg:5000' },
      undefined,
    ],
    [
      'does not match a part of a host name',
      { auths: { 'evil-ghcr.io': { auth: user } }, registry: 'ghcr.io' },
      undefined,
    ],
    [
      'does not match a longer host name',
      { auths: { 'ghcr.io.evil.com': { auth: user } }, registry: 'ghcr.io' },
      undefined,
    ],
    [
      'does not match a host within a path',
      { auths: { 'https://evil.com/ghcr.io': { auth: user } }, registry: 'ghcr.io' },
      undefined,
    ],
    [
      'finds a URL',
      { auths: { 'https://ghcr.io': { auth: user } }, registry: 'ghcr.io' },
      basic('user', 'kept'),
    ],
    [
      'finds a URL with a version',
      { auths: { 'https://GHCR.io/v2/': { auth: user } }, registry: 'ghcr.io' },
      basic('user', 'kept'),
    ],
    [
      'finds an http URL',
      { auths: { 'http://reg:5000/v1/': { auth: user } }, registry: 'reg:5000' },
      basic('user', 'kept'),
    ],
    [
      "finds Docker Hub's own key",
      { auths: { 'https://index.docker.io/v1/': { auth: user } }, registry: 'docker.io' },
      basic('user', 'kept'),
    ],
    [
      'finds Docker Hub by its API host',
      { auths: { 'registry-1.docker.io': { auth: user } }, registry: 'docker.io' },
      basic('user', 'kept'),
    ],
    [
      'skips an empty entry in another spelling',
      { auths: { 'docker.io': {}, 'https://index.docker.io/v1/': { auth: user } }, registry: 'docker.io' },
      basic('user', 'kept'),
    ],
    ['treats an empty entry as none', { auths: { 'ghcr.io': {} }, registry: 'ghcr.io' }, undefined],
    [
      'splits at the first colon',
      { auths: { a: { auth: auth('u:p:q:r') } }, registry: 'a' },
      basic('u', 'p:q:r'),
    ],
    [
      'accepts missing padding',
      { auths: { a: { auth: auth('u:padded').replace(/=+$/, '') } }, registry: 'a' },
      basic('u', 'padded'),
    ],
    [
      "finds Docker Hub by the name in docker's own messages",
      { auths: { 'https://index.docker.io/v2/': { auth: user } }, registry: 'docker.io' },
      basic('user', 'kept'),
    ],
    [
      'does not confuse Docker Hub with a host that begins with its name',
      {
        auths: { 'docker.io.evil.com': { auth: user }, 'hub.docker.io': { auth: user } },
        registry: 'docker.io',
      },
      undefined,
    ],
    [
      'prefers a registry token to an identity token, and an identity token to a password',
      { auths: { a: { auth: user, identitytoken: secret('i'), registrytoken: secret('r') } }, registry: 'a' },
      { kind: 'registry', token: secret('r') },
    ],
    [
      'removes NULs at the end',
      { auths: { a: { auth: auth('u:p\0\0\0') } }, registry: 'a' },
      basic('u', 'p'),
    ],
    [
      'reads user and password in plain text',
      { auths: { a: { username: 'u', password: secret('p') } }, registry: 'a' },
      basic('u', 'p'),
    ],
    [
      'reads an identity token',
      { auths: { a: { auth: auth('u:'), identitytoken: secret('refresh') } }, registry: 'a' },
      { kind: 'identity', token: secret('refresh'), username: 'u' },
    ],
    [
      'reads a registry token',
      { auths: { a: { registrytoken: secret('bearer') } }, registry: 'a' },
      { kind: 'registry', token: secret('bearer') },
    ],
    [
      'reads the user <token> as an identity token',
      { auths: { a: { auth: auth('<token>:refresh') } }, registry: 'a' },
      { kind: 'identity', token: secret('refresh') },
    ],
    [
      'prefers the longest namespace',
      {
        auths: {
          a: { auth: user },
          'a/team': { auth: auth('team:t') },
          'a/team/app': { auth: auth('app:a') },
        },
        registry: 'a',
        repository: 'team/app',
      },
      basic('app', 'a'),
    ],
    [
      'finds a namespace above the repository',
      {
        auths: { a: { auth: user }, 'a/team': { auth: auth('team:t') } },
        registry: 'a',
        repository: 'team/x/y',
      },
      basic('team', 't'),
    ],
    [
      "finds a namespace of Docker Hub's",
      {
        auths: { 'docker.io': { auth: user }, 'docker.io/acme': { auth: auth('acme:a') } },
        registry: 'docker.io',
        repository: 'acme/app',
      },
      basic('acme', 'a'),
    ],
    [
      'reads an entry without padding, filled up with NULs, and with a colon in the password',
      { auths: { a: { auth: auth('u:p:q\0\0\0').replace(/=+$/, '') } }, registry: 'a' },
      basic('u', 'p:q'),
    ],
    [
      'does not match a namespace that only begins with the same letters',
      { auths: { 'a/team': { auth: user } }, registry: 'a', repository: 'teammates/x' },
      undefined,
    ],
  ];
  for (const [name, { auths, registry, repository }, expected] of rows) {
    it(`the keychain ${name} in docker's file`, async () => {
      const { env } = await home({ [config]: { auths } });
      assert.deepEqual(await createKeychain({ env })(registry, repository), expected);
    });
  }

  for (const [name, content] of [
    ['JSON', `not JSON: ${secret('config')}`],
    ['an object', '[]'],
    ['readable base64', { auths: { a: { auth: `${secret('config')}!!` } } }],
    ['user and password', { auths: { a: { auth: auth(secret('config')) } } }],
  ] as const) {
    it(`a docker file that is not ${name} is INVALID_OPTION, and the message shows none of its content`, async () => {
      const { env } = await home({ [config]: content });
      await assert.rejects(createKeychain({ env })('a'), (error: unknown) => {
        assert.ok(isGantryError(error, 'INVALID_OPTION'));
        return !`${error.message}${String(error.cause)}`.includes(secret('config'));
      });
    });
  }

  it("docker's file may be missing or empty", async () => {
    assert.equal(await createKeychain({ env: (await home()).env })('a'), undefined);
    assert.equal(await createKeychain({ env: (await home({ [config]: '' })).env })('a'), undefined);
  });
});

describe('the sources of credentials', () => {
  const places = [
    'DOCKER_AUTH_CONFIG',
    config,
    'explicit.json',
    'run/containers/auth.json',
    '.config/containers/auth.json',
    '.dockercfg',
  ];
  for (const [at, place] of places.entries()) {
    it(`${place} takes precedence over the later sources`, async () => {
      const files = Object.fromEntries(
        places.slice(at).flatMap((name) => {
          if (name === 'DOCKER_AUTH_CONFIG') return [];
          return [[name, name === '.dockercfg' ? entry(name).auths : entry(name)]];
        }),
      );
      const { path, env } = await home(files);
      const keychain = createKeychain({
        env: {
          ...env,
          REGISTRY_AUTH_FILE: join(path, 'explicit.json'),
          ...(at === 0 ? { DOCKER_AUTH_CONFIG: JSON.stringify(entry(place)) } : {}),
        },
      });
      assert.deepEqual(await keychain('a'), basic(place, 'x'));
    });
  }

  it("podman's file matches the longest namespace first, and a source without a match is skipped", async () => {
    const { path, env } = await home({
      'explicit.json': {
        auths: { 'a/team/app': { auth: auth('app:x') }, 'a/team': { auth: auth('team:x') } },
      },
      'run/containers/auth.json': { auths: { a: { auth: auth('host:x') } } },
    });
    const keychain = createKeychain({ env: { ...env, REGISTRY_AUTH_FILE: join(path, 'explicit.json') } });
    assert.deepEqual(await keychain('a', 'team/app'), basic('app', 'x'));
    assert.deepEqual(await keychain('a', 'team/app/deeper'), basic('app', 'x'));
    assert.deepEqual(await keychain('a', 'team/other'), basic('team', 'x'));
    assert.deepEqual(await keychain('a', 'app'), basic('host', 'x'));
    assert.deepEqual(await keychain('a'), basic('host', 'x'));
  });

  it('a source without an entry for the registry is skipped', async () => {
    const { env } = await home({ [config]: entry('file') }, { DOCKER_AUTH_CONFIG: '{"auths":{"other":{}}}' });
    assert.deepEqual(await createKeychain({ env })('a'), basic('file', 'x'));
  });

  it('DOCKER_CONFIG names the folder of the file', async () => {
    const { path, env } = await home({ 'elsewhere/config.json': entry('elsewhere') });
    const keychain = createKeychain({ env: { ...env, DOCKER_CONFIG: join(path, 'elsewhere') } });
    assert.deepEqual(await keychain('a'), basic('elsewhere', 'x'));
  });

  it('an explicit file excludes all other sources', async () => {
    const { path, env } = await home({ [config]: entry('docker'), 'mine.json': { auths: {} } });
    assert.equal(await createKeychain({ env, configFile: join(path, 'mine.json') })('a'), undefined);
  });

  it('given credentials take precedence over all sources, the longest matching key first', async () => {
    const { env } = await home(
      {
        [config]: {
          auths: { 'ghcr.io': { auth: auth('file:x') }, 'ghcr.io/acme/app': { auth: auth('file:x') } },
        },
      },
      { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'ghcr.io': { auth: auth('env:x') } } }) },
    );
    const credentials = { 'https://ghcr.io/v2/': basic('all', 'a'), 'ghcr.io/acme': basic('acme', 'b') };
    const keychain = createKeychain({ env, credentials });
    assert.deepEqual(await keychain('ghcr.io', 'other/app'), basic('all', 'a'));
    assert.deepEqual(await keychain('ghcr.io', 'acme/app'), basic('acme', 'b'));
    assert.equal(await keychain('ghcr.io:443', 'acme/app'), undefined);
    assert.equal(await keychain('evil-ghcr.io', 'acme/app'), undefined);
  });

  for (const runtime of ['', undefined]) {
    it(`podman's file is found when XDG_RUNTIME_DIR is ${runtime === '' ? 'empty' : 'missing'} and XDG_CONFIG_HOME is set`, async () => {
      const { path, env } = await home({ 'elsewhere/containers/auth.json': entry('elsewhere') });
      const keychain = createKeychain({
        env: { ...env, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: join(path, 'elsewhere') },
      });
      assert.deepEqual(await keychain('a'), basic('elsewhere', 'x'));
    });
  }
});

describe('GITHUB_TOKEN', () => {
  const token = { GITHUB_TOKEN: secret('ghs') };
  const rows: readonly (readonly [string, NodeJS.ProcessEnv, string, Credential | undefined])[] = [
    [
      'GITHUB_TOKEN applies to ghcr.io, with GITHUB_ACTOR as the user',
      { ...token, GITHUB_ACTOR: 'me' },
      'ghcr.io',
      basic('me', 'ghs'),
    ],
    ['GITHUB_TOKEN does not need GITHUB_ACTOR', token, 'ghcr.io', basic('x-access-token', 'ghs')],
    ['GITHUB_TOKEN applies to no other registry', token, 'docker.io', undefined],
    ['GITHUB_TOKEN does not apply to a subdomain of ghcr.io', token, 'evil.ghcr.io', undefined],
    ['GITHUB_TOKEN does not apply to another port', token, 'ghcr.io:8443', undefined],
    ['GITHUB_TOKEN is ignored when it is empty', { GITHUB_TOKEN: '' }, 'ghcr.io', undefined],
  ];
  for (const [name, variables, registry, expected] of rows) {
    it(name, async () => {
      const { env } = await home({}, variables);
      assert.deepEqual(await createKeychain({ env })(registry), expected);
    });
  }

  it('GITHUB_TOKEN comes after every file, and is not used with an explicit file', async () => {
    const { path, env } = await home(
      { '.dockercfg': { 'ghcr.io': { auth: auth('file:x') } }, 'mine.json': {} },
      token,
    );
    assert.deepEqual(await createKeychain({ env })('ghcr.io'), basic('file', 'x'));
    assert.equal(await createKeychain({ env, configFile: join(path, 'mine.json') })('ghcr.io'), undefined);
  });
});
