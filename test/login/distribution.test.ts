import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { output } from '../../bench/support/programs.ts';
import { startTokenService, type TokenService } from '../../bench/support/token-service.ts';
import { createClient } from '../../src/client/client.ts';
import { CopyError, isGantryError } from '../../src/errors.ts';
import { createKeychain } from '../../src/keychain/keychain.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { gzipLayer, imageOf, partsInLayout, partsOf, saveLayout } from '../peers/images.ts';
import { alsoSecret, secret } from '../secret.ts';

/** Debian's `docker-registry` with the tokens of a service beside it. */

const user = 'someone';
const password = secret('distribution: of tests');
const refreshToken = secret('refresh-token');
const image = await imageOf('amd64', [await gzipLayer('with tokens')]);

describe('docker-registry with tokens', needs('docker-registry', 'crane', 'openssl'), () => {
  let tokens: TokenService;
  let registry: RunningRegistry;
  before(async () => {
    tokens = await startTokenService({
      user,
      password,
      refreshToken,
      // Registers a line from the middle, since every key begins alike.
      onKey: (pem) => alsoSecret(pem.split('\n')[2] ?? pem),
      // The id marks the token wherever a run prints it, since nobody can know the signature beforehand.
      tokenId: () => secret(`${Math.random()}`),
    });
    registry = await startDistribution({ token: tokens.settings });
    tokens.serve(registry.host);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await tokens[Symbol.asyncDispose]();
  });
  const signIn = (host = registry.host): readonly string[] => [
    'auth',
    'login',
    host,
    '-u',
    user,
    '--password-stdin',
  ];

  it('crane-realm: login, push, list, copy and pull go together, and so for crane with the same login', async (test) => {
    const home = await folder(test);
    const env = { DOCKER_CONFIG: home };
    const layout = join(home, 'layout');
    await saveLayout(image, layout);
    const ok = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await gantry(args, { env });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    assert.equal((await gantry(signIn(), { env, input: `${password}\n` })).code, 0);
    const { host } = registry;
    await ok('push', layout, `${host}/private/app:1`);
    await ok('copy', `${host}/private/app:1`, `${host}/other/app:2`);
    assert.equal(await ok('ls', `${host}/other/app`), '2\n');
    await ok('pull', '--format=oci', `${host}/other/app:2`, join(home, 'pulled'));
    const wanted = await partsOf(image);
    assert.deepEqual(await partsInLayout(join(home, 'pulled')), wanted);
    assert.equal((await gantry(signIn(tokens.host), { env, input: `${password}\n` })).code, 0);
    assert.equal(
      await output('crane', ['digest', `${tokens.host}/other/app:2`], { env }),
      `${wanted.root}\n`,
    );
  });

  it('a wrong password is refused by login, which keeps nothing of it', async (test) => {
    const env = { DOCKER_CONFIG: await folder(test) };
    const { code, stderr } = await gantry(signIn(), { env, input: secret('wrong') });
    assert.equal(code, 4);
    assert.ok(!stderr.includes(secret('wrong')));
    await assert.rejects(readFile(join(env.DOCKER_CONFIG, 'config.json')));
  });

  it('everybody can pull public repositories, and nobody can push without a name', async (test) => {
    const home = await folder(test);
    const layout = join(home, 'layout');
    await saveLayout(image, layout);
    const reference = `${registry.host}/public/app:1`;
    const named = ['--username', user, '--password-stdin'];
    assert.equal((await gantry(['push', layout, reference, ...named], { input: password })).code, 0);
    assert.equal((await gantry(['digest', reference])).code, 0);
    assert.equal((await gantry(['push', layout, `${reference}2`])).code, 4);
    assert.equal((await gantry(['digest', `${registry.host}/private/app:1`])).code, 4);
  });

  it('a helper that is not installed keeps nobody from what is public, and from all else', async (test) => {
    const home = await folder(test);
    const env = { DOCKER_CONFIG: home };
    const layout = join(home, 'layout');
    await saveLayout(image, layout);
    const reference = `${registry.host}/public/helped:1`;
    const named = ['--username', user, '--password-stdin'];
    await writeFile(join(home, 'config.json'), '{"credsStore":"gantry-tests-absent"}');
    assert.equal((await gantry(['push', layout, reference, ...named], { env, input: password })).code, 0);
    const { code, stderr } = await gantry(['digest', reference], { env });
    assert.equal(code, 0);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
    assert.equal((await gantry(['push', layout, `${reference}2`], { env })).code, 4);
    assert.equal((await gantry(['digest', `${registry.host}/private/app:1`], { env })).code, 4);
  });

  it('an identity token is exchanged by POST', async (test) => {
    const home = await folder(test);
    const entry = { auths: { [registry.host]: { identitytoken: refreshToken } } };
    await writeFile(join(home, 'config.json'), JSON.stringify(entry));
    await using client = createClient({
      keychain: createKeychain({ env: { DOCKER_CONFIG: home, HOME: home } }),
    });
    const before = tokens.asked.length;
    await client.pushImage(`${registry.host}/private/identity:1`, image);
    const asked = tokens.asked.slice(before);
    assert.ok(asked.length > 0);
    assert.deepEqual([...new Set(asked.map(({ grant }) => grant))], ['refresh_token']);
  });

  it('a push asks for one token, with the right to push first and no other than it needs', async () => {
    const credentials = { [registry.host]: { kind: 'basic', username: user, password } } as const;
    await using client = createClient({ keychain: createKeychain({ env: {}, credentials }) });
    const before = tokens.asked.length;
    await client.pushImage(`${registry.host}/private/counted:1`, image);
    assert.deepEqual(
      tokens.asked.slice(before).map(({ scopes }) => scopes),
      [['repository:private/counted:pull,push']],
    );
  });

  it('a registry token is sent as it is, and is refused when it is not for this', async (test) => {
    const home = await folder(test);
    const env = { DOCKER_CONFIG: home };
    assert.equal((await gantry(signIn(), { env, input: password })).code, 0);
    const printed = await gantry(['auth', 'token', `${registry.host}/private/app`], { env });
    const { token } = JSON.parse(printed.stdout);
    const credentials = { [registry.host]: { kind: 'registry', token } } as const;
    await using client = createClient({ keychain: createKeychain({ env: {}, credentials }) });
    const before = tokens.asked.length;
    assert.equal(
      await client.checkLogin(registry.host, credentials[registry.host] ?? assert.fail()),
      'accepted',
    );
    await assert.rejects(
      client.pushImage(`${registry.host}/private/app:2`, image),
      (error) => error instanceof CopyError && isGantryError(error.cause),
    );
    assert.equal(tokens.asked.length, before);
  });
});
