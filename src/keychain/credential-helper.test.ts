import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listening } from '../../test/listening.ts';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { createHelperAnswers } from './answers.ts';
import { addHelper, answer, auth, basic, config, home, runsOf, unlessWindows } from './home.test.support.ts';
import { createKeychain } from './keychain.ts';
import { listLogins } from './logins.ts';
import { eraseCredential, storeCredential } from './store.ts';

describe('a credential helper', unlessWindows, () => {
  it('the helper for a registry takes precedence over the default helper, and the default helper over the file', async () => {
    const place = await home({
      [config]: {
        credHelpers: { a: 'own' },
        credsStore: 'all',
        auths: { a: { auth: auth('file:x') }, b: { auth: auth('file:x') }, c: { auth: auth('file:x') } },
      },
    });
    await addHelper(place, 'own', answer({ Username: 'own', Secret: secret('s') }));
    await addHelper(
      place,
      'all',
      `if (input === 'c') { console.log('credentials not found in native keychain'); process.exit(1); }
       ${answer({ ServerURL: 'b', Username: 'all', Secret: secret('s') })}`,
    );
    const keychain = createKeychain({ env: place.env });
    assert.deepEqual(await keychain('a'), basic('own', 's'));
    assert.deepEqual(await keychain('b'), basic('all', 's'));
    assert.deepEqual(await keychain('c'), basic('file', 'x'));
  });

  it("a helper gets docker's key for Docker Hub, and its answer may be an identity token", async () => {
    const place = await home({ [config]: { credHelpers: { 'index.docker.io': 'own' } } });
    await addHelper(place, 'own', answer({ Username: '<token>', Secret: secret('refresh') }));
    assert.deepEqual(await createKeychain({ env: place.env })('docker.io'), {
      kind: 'identity',
      token: secret('refresh'),
    });
    assert.deepEqual(await runsOf(place), ['get https://index.docker.io/v1/']);
  });

  it('two values of answers share none, and a forgotten answer is asked for again', async () => {
    const place = await home();
    await addHelper(place, 'all', answer({ Username: 'all', Secret: secret('s') }));
    const [one, other] = [createHelperAnswers(), createHelperAnswers()];
    for (const answers of [one, other, one]) {
      assert.deepEqual(await answers.ask('all', 'a', { env: place.env }), basic('all', 's'));
    }
    assert.equal((await runsOf(place)).length, 2);
    other.forget('all', 'a', { env: place.env });
    for (const answers of [one, other]) await answers.ask('all', 'a', { env: place.env });
    assert.equal((await runsOf(place)).length, 3);
  });

  it('a helper runs once per process for concurrent callers, and again when its answer is old', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', answer({ Username: 'all', Secret: secret('s') }));
    let now = 0;
    const keychain = createKeychain({ env: place.env, now: () => now });
    const another = createKeychain({ env: place.env, now: () => now });
    await Promise.all([keychain('a', 'x'), keychain('a', 'y'), another('a')]);
    await keychain('a');
    assert.equal((await runsOf(place)).length, 1);
    now = 5 * 60_000;
    await keychain('a');
    assert.equal((await runsOf(place)).length, 2);
  });

  for (const [name, helper, body] of [
    [
      'asks for the address of the server',
      'own',
      "console.log('no credentials server URL'); process.exit(1);",
    ],
    ['asks for a user', 'own', "console.log('no credentials username'); process.exit(1);"],
    [
      'fails after its answer',
      'own',
      `${answer({ Username: 'u', Secret: secret('helper') })} process.exit(1);`,
    ],
    [
      'prints more than its JSON answer',
      'own',
      `${answer({ Username: 'u', Secret: secret('helper') })} console.log('x');`,
    ],
    ['fails', 'own', "console.log('the keychain is locked'); process.exit(1);"],
    ['prints nothing', 'own', 'process.exit(3);'],
    ['prints no JSON', 'own', `console.log('${secret('helper')}');`],
    ['answers without a secret', 'own', answer({ Username: 'u' })],
    ['answers with other types than strings', 'own', answer({ Username: secret('helper'), Secret: 1 })],
    ['prints too much', 'own', "process.stdout.write('x'.repeat(4 * 1024 * 1024));"],
    ['is not installed', 'absent', ''],
    ['has a name that would leave the PATH', '../own', ''],
  ] as const) {
    it(`a helper fails with HELPER_FAILED when it ${name}`, async () => {
      const place = await home({ [config]: { credHelpers: { a: helper } } });
      await addHelper(place, 'own', body);
      await assert.rejects(createKeychain({ env: place.env })('a'), (error: unknown) => {
        assert.ok(isGantryError(error, 'HELPER_FAILED'));
        return !error.message.includes(secret('helper'));
      });
    });
  }

  it('a helper that does not answer in time fails with HELPER_FAILED, and is asked again the next time', async () => {
    const place = await home({ [config]: { credHelpers: { a: 'own' } } });
    await addHelper(place, 'own', 'setInterval(() => {}, 1000);');
    const keychain = createKeychain({ env: place.env, timeout: 200 });
    await assert.rejects(keychain('a'), (error) => isGantryError(error, 'HELPER_FAILED'));
    await addHelper(place, 'own', answer({ Username: 'u', Secret: secret('s') }));
    assert.deepEqual(await createKeychain({ env: place.env })('a'), basic('u', 's'));
  });

  it('a helper with a running child process fails in time with HELPER_FAILED', async () => {
    const place = await home({ [config]: { credHelpers: { a: 'own' } } });
    const lasting =
      "require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], ";
    await addHelper(place, 'own', `${lasting}{ stdio: 'inherit' }); setInterval(() => {}, 1000);`);
    const keychain = createKeychain({ env: place.env, timeout: 300 });
    await assert.rejects(keychain('a'), (error) => isGantryError(error, 'HELPER_FAILED'));
  });

  it('a helper runs while one caller waits for it, and is ended when the last caller aborts', async (test) => {
    const place = await home({ [config]: { credsStore: 'all' } });
    const server = createServer();
    const port = await listening(test, server);
    await addHelper(place, 'all', `require('node:net').connect(${port}, '127.0.0.1').on('error', () => {});`);
    const keychain = createKeychain({ env: place.env, timeout: 2 ** 30 });
    const [one, other] = [new AbortController(), new AbortController()];
    const first = assert.rejects(keychain('a', 'x', { signal: one.signal }), /first/);
    const second = assert.rejects(keychain('a', 'y', { signal: other.signal }), /second/);
    const [helper] = await once(server, 'connection');
    one.abort(new Error('first'));
    await first;
    const gone = once(helper.resume(), 'close');
    other.abort(new Error('second'));
    await Promise.all([second, gone]);
    assert.equal((await runsOf(place)).length, 1);
    await addHelper(place, 'all', answer({ Username: 'u', Secret: secret('s') }));
    assert.deepEqual(await keychain('a'), basic('u', 's'));
  });

  it('a helper is asked again after a login and after a logout', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', answer({ Username: 'old', Secret: secret('s') }));
    const keychain = createKeychain({ env: place.env });
    assert.deepEqual(await keychain('a'), basic('old', 's'));
    await addHelper(place, 'all', answer({ Username: 'new', Secret: secret('s') }));
    assert.deepEqual(await keychain('a'), basic('old', 's'));
    await storeCredential('a', basic('new', 's'), { env: place.env });
    assert.deepEqual(await keychain('a'), basic('new', 's'));
    await addHelper(
      place,
      'all',
      "console.log('credentials not found in native keychain'); process.exit(1);",
    );
    await eraseCredential('a', { env: place.env });
    assert.equal(await keychain('a'), undefined);
  });

  it('a failing store command does not show its input', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', "console.log('can not keep ' + input); process.exit(1);");
    await assert.rejects(storeCredential('a', basic('u', 'helper'), { env: place.env }), (error: unknown) => {
      assert.ok(isGantryError(error, 'HELPER_FAILED'));
      return !`${error.message}${String(error.cause)}`.includes(secret('helper'));
    });
  });

  it('a helper cannot store a registry token', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', '');
    await assert.rejects(
      storeCredential('a', { kind: 'registry', token: secret('t') }, { env: place.env }),
      (error) => isGantryError(error, 'HELPER_FAILED'),
    );
    assert.deepEqual(await runsOf(place), []);
  });

  it('a helper stores a login and deletes it at the logout', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', '');
    const stored = await storeCredential('docker.io', basic('u', 'p'), { env: place.env });
    assert.equal(stored.helper, 'all');
    await storeCredential('a', { kind: 'identity', token: secret('t') }, { env: place.env });
    assert.deepEqual(JSON.parse(await readFile(join(place.path, config), 'utf8')).auths, {
      'https://index.docker.io/v1/': {},
      a: {},
    });
    await eraseCredential('docker.io', { env: place.env });
    assert.deepEqual(await runsOf(place), [
      `store {"ServerURL":"https://index.docker.io/v1/","Username":"u","Secret":"${secret('p')}"}`,
      `store {"ServerURL":"a","Username":"<token>","Secret":"${secret('t')}"}`,
      'erase https://index.docker.io/v1/',
    ]);
    assert.deepEqual(JSON.parse(await readFile(join(place.path, config), 'utf8')).auths, { a: {} });
  });
});

describe('listLogins', unlessWindows, () => {
  it('listLogins lists the logins of files and helpers in order of precedence', async () => {
    const place = await home({
      [config]: {
        credHelpers: { 'ghcr.io': 'own', 'a.example': 'own' },
        credsStore: 'all',
        auths: {
          'ghcr.io': {},
          'b.example': { auth: auth('file:x') },
          'c.example/team': { auth: auth('team:x') },
        },
      },
      '.config/containers/auth.json': {
        auths: { 'c.example': { registrytoken: secret('t') }, 'ghcr.io': { auth: auth('podman:x') } },
      },
    });
    await addHelper(place, 'own', answer({ 'ghcr.io': 'mine', 'not.asked.example': 'x' }));
    await addHelper(place, 'all', answer({ 'https://index.docker.io/v1/': 'hub', 'b.example': 'helped' }));
    const at = join(place.path, config);
    assert.deepEqual(await listLogins({ env: place.env }), [
      { registry: 'ghcr.io', username: 'mine', path: at, helper: 'own' },
      { registry: 'docker.io', username: 'hub', path: at, helper: 'all' },
      { registry: 'b.example', username: 'helped', path: at, helper: 'all' },
      { registry: 'c.example/team', username: 'team', path: at },
      { registry: 'c.example', path: join(place.path, '.config/containers/auth.json') },
    ]);
    assert.deepEqual(await runsOf(place), ['list ', 'list ']);
  });

  for (const [name, body] of [
    ['no JSON', `console.log('${secret('helper')}');`],
    ['a list of another type', answer([secret('helper')])],
    ['user names that are not strings', answer({ a: 1 })],
    ['a failure', 'process.exit(1);'],
  ] as const) {
    it(`listLogins fails with HELPER_FAILED when a helper answers with ${name}`, async () => {
      const place = await home({ [config]: { credsStore: 'all' } });
      await addHelper(place, 'all', body);
      await assert.rejects(listLogins({ env: place.env }), (error: unknown) => {
        assert.ok(isGantryError(error, 'HELPER_FAILED'));
        return !error.message.includes(secret('helper'));
      });
    });
  }
});
