import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import type { Credential } from './credential.ts';
import { auth, basic, config, home, unlessWindows } from './home.test.support.ts';
import { createKeychain } from './keychain.ts';
import { eraseCredential, storeCredential } from './store.ts';

const onlyForRoot = process.getuid?.() === 0 ? {} : { skip: 'only root can write files of others' };

/** Starts another process that logs in with the credential it receives. Resolves with its exit code. */
async function elsewhere(
  env: NodeJS.ProcessEnv,
  registry: string,
): Promise<(credential: Credential) => Promise<number>> {
  const code = `
    const { storeCredential } = await import(${JSON.stringify(new URL('./store.js', import.meta.url).href)});
    process.stdin.once('data', (told) => storeCredential(${JSON.stringify(registry)}, JSON.parse(told)));
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return async (credential) => {
    child.stdin.end(JSON.stringify(credential));
    const [status] = await once(child, 'exit');
    return Number(status);
  };
}

describe('storeCredential', () => {
  const rows: readonly (readonly [string, Credential])[] = [
    ['a user and password', basic('u', 'p:q')],
    ['an identity token', { kind: 'identity', token: secret('t') }],
    ['an identity token with its user', { kind: 'identity', token: secret('t'), username: 'u' }],
    ['a registry token', { kind: 'registry', token: secret('t') }],
  ];
  for (const [name, credential] of rows) {
    it(`a login stores ${name} so that the keychain finds it`, async () => {
      const { env } = await home();
      await storeCredential('docker.io', credential, { env });
      assert.deepEqual(await createKeychain({ env })('docker.io'), credential);
      await eraseCredential('docker.io', { env });
      assert.equal(await createKeychain({ env })('docker.io'), undefined);
    });
  }

  it('a login leaves all other fields and entries unchanged, and replaces other spellings of its own entry', async () => {
    const { path, env } = await home({
      [config]: {
        detachKeys: 'ctrl-e',
        auths: { other: { auth: auth('x:y'), email: 'x' }, 'https://a/v2/': { auth: auth('x:y') } },
        plugins: { x: { y: 'z' } },
      },
    });
    await storeCredential('a', basic('u', 'p'), { env });
    assert.deepEqual(JSON.parse(await readFile(join(path, config), 'utf8')), {
      detachKeys: 'ctrl-e',
      auths: { other: { auth: auth('x:y'), email: 'x' }, a: { auth: auth('u:p') } },
      plugins: { x: { y: 'z' } },
    });
  });

  it('password-of-a-killed-login: a login removes the temporary file of a killed login, and no files of others', async () => {
    const { path, env } = await home({ [config]: { auths: {} } });
    const folder = join(path, '.docker');
    const left = `config.json.${randomUUID()}.tmp`;
    const others = [
      `other.json.${randomUUID()}.tmp`,
      'config.json.tmp',
      `config.json.old.${randomUUID()}.tmp`,
    ];
    for (const name of [left, ...others]) await writeFile(join(folder, name), secret('p'));
    await storeCredential('a', basic('u', secret('p')), { env });
    assert.deepEqual((await readdir(folder)).toSorted(), ['config.json', ...others].toSorted());
  });

  it('a login creates the file for its owner only, and leaves no temporary file', unlessWindows, async () => {
    const { path, env } = await home();
    await storeCredential('a', basic('u', 'p'), { env });
    assert.equal((await stat(join(path, config))).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, '.docker'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(path, '.docker')), ['config.json']);
  });

  it('a login keeps the mode of the file and writes through a symbolic link', unlessWindows, async () => {
    const { path, env } = await home({ 'real.json': {}, '.docker/other': {} });
    await chmod(join(path, 'real.json'), 0o640);
    await symlink(join(path, 'real.json'), join(path, config));
    await storeCredential('a', basic('u', 'p'), { env });
    assert.equal((await lstat(join(path, config))).isSymbolicLink(), true);
    assert.equal((await stat(join(path, 'real.json'))).mode & 0o777, 0o640);
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'p'));
  });

  it('a login writes the target of a symbolic link that does not exist yet', unlessWindows, async () => {
    const { path, env } = await home({ '.docker/other': {} });
    await symlink('../real.json', join(path, config));
    await storeCredential('a', basic('u', 'p'), { env });
    assert.equal((await lstat(join(path, config))).isSymbolicLink(), true);
    assert.equal((await stat(join(path, 'real.json'))).mode & 0o777, 0o600);
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'p'));
  });

  it('a login of root keeps the owner of the file', onlyForRoot, async () => {
    const { path, env } = await home({ [config]: {} });
    await chown(join(path, config), 1234, 4321);
    await storeCredential('a', basic('u', 'p'), { env });
    const { uid, gid } = await stat(join(path, config));
    assert.deepEqual([uid, gid], [1234, 4321]);
  });

  it('a login leaves entries with the names of object properties unchanged', async () => {
    const { path, env } = await home({
      [config]: `{"__proto__":{"x":1},"auths":{"__proto__":{"auth":"${auth('x:y')}"}}}`,
    });
    await storeCredential('a', basic('u', 'p'), { env });
    const text = await readFile(join(path, config), 'utf8');
    assert.equal(text.split('__proto__').length, 3);
  });

  it("concurrent logins of this and other processes keep each other's entries", async () => {
    const { env } = await home();
    const registries = ['a', 'b', 'c', 'd'];
    const others = await Promise.all(registries.map((registry) => elsewhere(env, registry)));
    const ended = Promise.all(others.map((login, at) => login(basic('u', registries[at] ?? ''))));
    await Promise.all(['x', 'y'].map((registry) => storeCredential(registry, basic('u', registry), { env })));
    assert.deepEqual(await ended, [0, 0, 0, 0]);
    const find = createKeychain({ env });
    for (const registry of [...registries, 'x', 'y']) {
      assert.deepEqual(await find(registry), basic('u', registry));
    }
  });

  it('a login that waits for the lock ends with its signal, and leaves the file unchanged', async () => {
    const { path, env } = await home({ [config]: {} });
    const lock = join(path, `${config}.lock`);
    await writeFile(lock, JSON.stringify({ pid: 1, host: 'another', token: 'x' }));
    const signal = AbortSignal.abort('enough');
    await assert.rejects(
      storeCredential('a', basic('u', 'p'), { env, signal }),
      (error) => error === 'enough',
    );
    assert.equal(await readFile(join(path, config), 'utf8'), '{}');
  });

  it('a login does not change a file that it cannot parse', async () => {
    const { path, env } = await home({ [config]: '{' });
    await assert.rejects(storeCredential('a', basic('u', 'p'), { env }), (error) =>
      isGantryError(error, 'INVALID_OPTION'),
    );
    assert.equal(await readFile(join(path, config), 'utf8'), '{');
  });

  for (const credential of [
    basic('u:v', 'p'),
    { kind: 'identity', token: secret('t'), username: 'u:v' },
  ] satisfies Credential[]) {
    it(`a user name with a colon is INVALID_OPTION and is not stored: ${credential.kind}`, async () => {
      const { path, env } = await home();
      await assert.rejects(storeCredential('a', credential, { env }), (error) =>
        isGantryError(error, 'INVALID_OPTION'),
      );
      await assert.rejects(stat(join(path, config)));
    });
  }

  it('a login is IO_FAILED when its file cannot exist', async () => {
    const { path, env } = await home({ plain: 'a file' });
    const configFile = join(path, 'plain', 'config.json');
    await assert.rejects(storeCredential('a', basic('u', 'p'), { env, configFile }), (error) =>
      isGantryError(error, 'IO_FAILED'),
    );
  });

  it('a logout without a login changes nothing', async () => {
    const { path, env } = await home();
    await eraseCredential('a', { env });
    await assert.rejects(stat(join(path, config)));
  });
});
