import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { addHelper, answer, auth, basic, config, home, runsOf, unlessWindows } from './home.test.support.ts';
import { createKeychain } from './keychain.ts';
import { listLogins } from './logins.ts';
import { eraseCredential, storeCredential } from './store.ts';

const plain = { plain: true } as const;

describe('a keychain for plain HTTP', () => {
  it('a login that was stored for TLS is not given out over plain HTTP', async () => {
    const { env } = await home({
      [config]: { auths: { a: { auth: auth('u:tls') }, 'https://b': { auth: auth('u:tls') } } },
    });
    const find = createKeychain({ env });
    for (const registry of ['a', 'b']) {
      assert.deepEqual(await find(registry), basic('u', 'tls'));
      assert.equal(await find(registry, undefined, plain), undefined);
    }
  });

  it('a login under an address with http:// is given out over plain HTTP', async () => {
    const { env } = await home({ [config]: { auths: { 'HTTP://a/v2/': { auth: auth('u:plain') } } } });
    assert.deepEqual(await createKeychain({ env })('a', 'x/y', plain), basic('u', 'plain'));
  });

  it('a given credential for TLS is not given out over plain HTTP', async () => {
    const { env } = await home();
    const credentials = { a: basic('u', 'tls'), 'http://a': basic('u', 'plain'), b: basic('u', 'b') };
    const find = createKeychain({ env, credentials });
    assert.deepEqual(await find('a', undefined, plain), basic('u', 'plain'));
    assert.equal(await find('b', undefined, plain), undefined);
  });

  it('no helper is asked and no token of GitHub is given out over plain HTTP', unlessWindows, async () => {
    const place = await home(
      { [config]: { credsStore: 'all', auths: {} } },
      { GITHUB_TOKEN: secret('github') },
    );
    await addHelper(place, 'all', answer({ Username: 'u', Secret: secret('helper') }));
    const find = createKeychain({ env: place.env });
    for (const registry of ['a', 'ghcr.io']) assert.equal(await find(registry, undefined, plain), undefined);
    assert.deepEqual(await runsOf(place), []);
  });
});

describe('credential files of odd shapes', () => {
  for (const [what, document] of [
    ['a list of auths', { auths: [{ auth: auth('u:x') }] }],
    ['auths that are null', { auths: null }],
    ['auths that are a text', { auths: 'a' }],
    ['an entry that is a text', { auths: { a: auth('u:x') } }],
    ['an entry that is a list', { auths: { a: [auth('u:x')] } }],
    ['an entry that is null', { auths: { a: null } }],
    ['an entry with a number as auth', { auths: { a: { auth: 5 } } }],
    ['an entry with an empty auth', { auths: { a: { auth: '' } } }],
    ['an entry with tokens that are no texts', { auths: { a: { identitytoken: {}, registrytoken: 1 } } }],
    ['a helper that is a number', { credsStore: 5, credHelpers: { a: 6 } }],
    ['a helper with an empty name', { credsStore: '', credHelpers: { a: '' } }],
    ['helpers that are a list', { credHelpers: ['own'] }],
    ['none of the known fields', { psFormat: 'x', auth: auth('u:x') }],
  ] as const) {
    it(`a credential file with ${what} has no credential and no login`, async () => {
      const { env } = await home({ [config]: document });
      assert.equal(await createKeychain({ env })('a'), undefined);
      assert.deepEqual(await listLogins({ env }), []);
    });
  }

  it('a login and a logout keep the odd parts of a file that gantry does not know', async () => {
    const odd = { credHelpers: ['own'], plugins: { a: [1, null, 'x'] }, auths: { b: null, c: 'x' } };
    const { env, path } = await home({ [config]: odd });
    await storeCredential('a', basic('u', 'x'), { env });
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'x'));
    await eraseCredential('a', { env });
    assert.deepEqual(JSON.parse(await readFile(join(path, config), 'utf8')), odd);
  });

  it('a login repairs auths that are no object', async () => {
    const { env } = await home({ [config]: { auths: 'none', other: 1 } });
    await storeCredential('a', basic('u', 'x'), { env });
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'x'));
  });

  it('a file with an unreadable entry serves the other registries', async () => {
    const { env } = await home({ [config]: { auths: { a: { auth: '%%%' }, b: { auth: auth('u:b') } } } });
    const find = createKeychain({ env });
    assert.deepEqual(await find('b'), basic('u', 'b'));
    await assert.rejects(find('a'), (error) => isGantryError(error, 'INVALID_OPTION'));
  });

  it('a folder in place of a credential file is an error of the disk for every function', async () => {
    const { env, path } = await home();
    await mkdir(join(path, config), { recursive: true });
    for (const ask of [
      () => createKeychain({ env })('a'),
      () => listLogins({ env }),
      () => storeCredential('a', basic('u', 'x'), { env }),
      () => eraseCredential('a', { env }),
    ]) {
      await assert.rejects(ask(), (error) => isGantryError(error, 'IO_FAILED'));
    }
  });

  it('without HOME the file is in the folder of USERPROFILE', async () => {
    const { path } = await home({ [config]: { auths: { a: { auth: auth('u:x') } } } });
    const env = { USERPROFILE: path, HOME: '' };
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'x'));
  });
});

describe('a credential helper that ends badly', unlessWindows, () => {
  for (const [what, body, words] of [
    ['kills itself', "process.kill(process.pid, 'SIGKILL');", /docker-credential-own get/],
    ['answers half of its JSON', 'console.log(\'{"Username":"u","Secr\');', /not JSON/],
    ['answers bytes that are no text', 'process.stdout.write(Buffer.from([0xff, 0xfe, 0]));', /not JSON/],
    ['answers a list', 'console.log("[]");', /no Username or no Secret/],
    ['answers null', 'console.log("null");', /no Username or no Secret/],
    ['closes its input unread', 'fs.closeSync(1);', /without an answer/],
  ] as const) {
    it(`a helper that ${what} fails the keychain with HELPER_FAILED`, async () => {
      const place = await home({ [config]: { credHelpers: { a: 'own' } } });
      await addHelper(place, 'own', body);
      await assert.rejects(createKeychain({ env: place.env })('a'), (error) => {
        assert.ok(isGantryError(error, 'HELPER_FAILED'), String(error));
        assert.match(error.message, words);
        return true;
      });
    });
  }

  it('a failing helper leaves the file of a login and of a logout as before', async () => {
    const document = { credHelpers: { a: 'own' }, auths: { a: {} } };
    const place = await home({ [config]: document });
    await addHelper(place, 'own', 'process.exit(1);');
    for (const change of [
      () => storeCredential('a', basic('u', 'x'), { env: place.env }),
      () => eraseCredential('a', { env: place.env }),
    ]) {
      await assert.rejects(change(), (error) => isGantryError(error, 'HELPER_FAILED'));
      assert.deepEqual(JSON.parse(await readFile(join(place.path, config), 'utf8')), document);
    }
  });

  it('a helper that hangs at a login is ended by its signal', async () => {
    const place = await home({ [config]: { credHelpers: { a: 'own' } } });
    await addHelper(place, 'own', 'setInterval(() => {}, 1000);');
    const reason = new Error('enough');
    const end = new AbortController();
    const storing = storeCredential('a', basic('u', 'x'), { env: place.env, signal: end.signal });
    const ended = assert.rejects(storing, (error) => error === reason);
    while ((await runsOf(place)).length === 0) await new Promise((resolve) => setImmediate(resolve));
    end.abort(reason);
    await ended;
  });
});

describe('logins and logouts of many processes', () => {
  it('twelve processes that log in and out at once lose no entry and leave no damage', async () => {
    const { env, path } = await home({ [config]: { auths: { old: { auth: auth('u:old') } } } });
    const store = JSON.stringify(new URL('./store.js', import.meta.url).href);
    const script = join(path, 'login.mjs');
    await writeFile(
      script,
      `import { eraseCredential, storeCredential } from ${store};
      const [own] = process.argv.slice(2);
      process.stdin.once('data', async (told) => {
        const password = String(told).trim();
        for (let round = 0; round < 4; round++) {
          await storeCredential(own + round, { kind: 'basic', username: own, password });
          if (round % 2 === 1) await eraseCredential(own + round);
        }
        process.stdin.destroy();
      });`,
    );
    const names = Array.from({ length: 12 }, (_, at) => `r${at}-`);
    const children = names.map((name) =>
      spawn(process.execPath, [script, name], { env, stdio: ['pipe', 'inherit', 'inherit'] }),
    );
    const ended = Promise.all(children.map((child) => once(child, 'close')));
    for (const child of children) child.stdin.write(`${secret('many')}\n`);
    assert.deepEqual(
      (await ended).map(([code]) => code),
      names.map(() => 0),
    );
    const find = createKeychain({ env });
    assert.deepEqual(await find('old'), basic('u', 'old'));
    for (const name of names) {
      for (const round of [0, 2]) assert.deepEqual(await find(`${name}${round}`), basic(name, 'many'));
      for (const round of [1, 3]) assert.equal(await find(`${name}${round}`), undefined);
    }
    assert.equal((await listLogins({ env })).length, 1 + 2 * names.length);
  });
});
