import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { findSecret, secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { addHelper, answer, auth, basic, config, entry, home, unlessWindows } from './home.test.support.ts';
import { createKeychain } from './keychain.ts';
import { storeCredential } from './store.ts';

describe('a credential file that docker accepts', () => {
  const long = Buffer.from(`u:${secret('long'.repeat(20))}`).toString('base64');
  const lines = (end: string): string => (long.match(/.{1,76}/g) ?? []).join(end);
  const rows: readonly (readonly [what: string, text: string])[] = [
    ['line feeds in its base64', JSON.stringify({ auths: { a: { auth: lines('\n') } } })],
    ['CR and LF in its base64', JSON.stringify({ auths: { a: { auth: `${lines('\r\n')}\r\n` } } })],
    ['spaces around its base64', JSON.stringify({ auths: { a: { auth: ` ${long} ` } } })],
    ['a repeated registry', `{"auths":{"a":{"auth":"eDp5"},"a":{"auth":"${long}"}}}`],
    ['a byte order mark', `\ufeff${JSON.stringify({ auths: { a: { auth: long } } })}`],
  ];
  for (const [what, text] of rows) {
    it(`auth-in-lines: a credential file with ${what} is read`, async () => {
      const { env } = await home({ [config]: text });
      assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'long'.repeat(20)));
    });
  }

  for (const text of ['', ' \n', '\ufeff']) {
    it(`auth-in-lines: a credential file may contain ${JSON.stringify(text)}`, async () => {
      const { env } = await home({ [config]: text });
      assert.equal(await createKeychain({ env })('a'), undefined);
    });
  }
});

describe('an unreadable credential file', () => {
  const word = auth('u:broken');
  const rows: readonly (readonly [what: string, text: string | Buffer, reason: RegExp])[] = [
    ['a comment', `// mine\n{"auths":{"a":{"auth":"${word}"}}}`, /JSON/],
    ['a missing end', `{"auths":{"a":{"auth":"${word}"`, /JSON/],
    ['a list', `["${word}"]`, /object/],
    ['UTF-16', Buffer.from(`{"auths":{"a":{"auth":"${word}"}}}`, 'utf16le'), /UTF-16/],
    ['invalid UTF-8', Buffer.from([0xff, 0xfe, 0x7b]), /UTF-8/],
    ['more than a megabyte', `{"x":"${'x'.repeat(1024 * 1024)}"}`, /bytes/],
    ['an auth that is not base64', '{"auths":{"a":{"auth":"***"}}}', /base64.*log in again/],
    ['an auth without a colon', `{"auths":{"a":{"auth":"${btoa('nocolon')}"}}}`, /base64.*log in again/],
  ];
  for (const [what, text, reason] of rows) {
    it(`unreadable-credentials: the error for ${what} gives the path and the reason, and shows none of the content`, async () => {
      const { path, env } = await home({ [config]: '' });
      await writeFile(join(path, config), text);
      await assert.rejects(createKeychain({ env })('a'), (error) => {
        assert.ok(isGantryError(error, 'INVALID_OPTION'));
        assert.ok(error.message.includes(join(path, config)), error.message);
        assert.match(error.message, reason);
        assert.equal(findSecret(`${error.message} ${String(error.cause)}`), -1);
        return true;
      });
    });
  }

  it('unreadable-credentials: the error for a folder says how to continue', async () => {
    const { path, env } = await home();
    await mkdir(join(path, config), { recursive: true });
    await assert.rejects(createKeychain({ env })('a'), (error) => {
      assert.ok(isGantryError(error, 'IO_FAILED'));
      assert.match(error.message, /config\.json.*DOCKER_CONFIG/);
      return true;
    });
  });

  it('unreadable-credentials: the error for DOCKER_AUTH_CONFIG says how to continue', async () => {
    const { env } = await home({}, { DOCKER_AUTH_CONFIG: 'no JSON' });
    await assert.rejects(createKeychain({ env })('a'), /DOCKER_AUTH_CONFIG.*JSON.*unset/);
  });
});

const namespaces = ['unshare -m', 'unshare -rm'].find(
  (words) => process.platform === 'linux' && spawnSync('sh', ['-c', `${words} true`]).status === 0,
);
const mounts = namespaces === undefined ? { skip: 'no mounts of one’s own here' } : {};

/** Logs in within its own mount namespace. Resolves with the content of the file afterwards. */
function loginAmong(script: string, env: NodeJS.ProcessEnv, file: string): string {
  const store = new URL('./store.js', import.meta.url).href;
  const code = `const { storeCredential } = await import(${JSON.stringify(store)});
    await storeCredential('a', { kind: 'basic', username: 'u', password: process.env.PASSWORD });`;
  const shell = `set -e; ${script}; "$NODE" --input-type=module -e "$CODE"; cat "${file}"`;
  return execFileSync('sh', ['-c', `${namespaces} sh -c "$SHELL_SCRIPT"`], {
    env: { ...env, NODE: process.execPath, CODE: code, SHELL_SCRIPT: shell, PASSWORD: secret('mounted') },
    encoding: 'utf8',
  });
}

describe('a login where the file cannot be replaced', () => {
  it(
    'login-where-the-file-cannot-be-renamed: a login overwrites a file that is a mount point',
    mounts,
    async () => {
      const { path, env } = await home({
        [config]: {},
        'elsewhere.json': { psFormat: 'x'.repeat(1_000), auths: entry('old').auths },
      });
      const [file, other] = [join(path, config), join(path, 'elsewhere.json')];
      const text = loginAmong(`mount --bind ${other} ${file}`, env, file);
      const kept: unknown = JSON.parse(text);
      assert.deepEqual(kept, { psFormat: 'x'.repeat(1_000), auths: { a: { auth: auth('u:mounted') } } });
      assert.equal(await readFile(other, 'utf8'), text);
      assert.deepEqual(await readdir(join(path, '.docker')), ['config.json']);
    },
  );

  it(
    'login-where-the-file-cannot-be-renamed: a login that changes nothing does not write',
    mounts,
    async () => {
      const { path, env } = await home({ [config]: { auths: { a: { auth: auth('u:mounted') } } } });
      const folder = join(path, '.docker');
      const read = `mount --bind ${folder} ${folder}; mount -o remount,ro,bind ${folder}`;
      const text = loginAmong(read, env, join(path, config));
      assert.deepEqual(JSON.parse(text), { auths: { a: { auth: auth('u:mounted') } } });
    },
  );

  it(
    'login-where-the-file-cannot-be-renamed: a login overwrites a file in a folder that accepts no new files',
    mounts,
    async () => {
      const { path, env } = await home({ [config]: {}, 'elsewhere.json': {} });
      const [folder, file, other] = [join(path, '.docker'), join(path, config), join(path, 'elsewhere.json')];
      const script = `mount --bind ${folder} ${folder}; mount --bind ${other} ${file}; mount -o remount,ro,bind ${folder}`;
      assert.deepEqual(JSON.parse(loginAmong(script, env, file)), {
        auths: { a: { auth: auth('u:mounted') } },
      });
    },
  );

  it(
    'login-where-the-file-cannot-be-renamed: the error says how to continue when nothing can be written',
    mounts,
    async () => {
      const { path, env } = await home({ [config]: {} });
      const folder = join(path, '.docker');
      const script = `mount --bind ${folder} ${folder}; mount -o remount,ro,bind ${folder}`;
      assert.throws(
        () => loginAmong(`exec 2>&1; ${script}`, env, join(path, config)),
        (error: unknown) => {
          const said =
            typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : '';
          assert.match(said, /config\.json.*DOCKER_CONFIG/);
          return true;
        },
      );
    },
  );

  it('login-where-the-file-cannot-be-renamed: a login leaves a file unchanged that already contains it', async () => {
    const { path, env } = await home({
      [config]: { auths: { b: entry('x').auths, a: { auth: auth('u:same') } } },
    });
    const before = await stat(join(path, config));
    await storeCredential('a', basic('u', 'same'), { env });
    assert.equal((await stat(join(path, config))).ino, before.ino);
    await storeCredential('a', basic('u', 'other'), { env });
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'other'));
  });
});

describe('a credential helper that misbehaves', unlessWindows, () => {
  it('helper-misbehaves: a helper that has answered is not waited for, even if a child process keeps its output open', async (test) => {
    const place = await home({ [config]: { credsStore: 'own' } });
    const pids = join(place.path, 'pid');
    await addHelper(
      place,
      'own',
      `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
       fs.writeFileSync(${JSON.stringify(pids)}, String(child.pid)); child.unref();
       ${answer({ Username: 'u', Secret: secret('held') })}`,
    );
    atEnd(test, async () => process.kill(Number(await readFile(pids, 'utf8')), 'SIGKILL'));
    // An answer after the timeout would be HELPER_FAILED.
    assert.deepEqual(await createKeychain({ env: place.env, timeout: 600_000 })('a'), basic('u', 'held'));
  });

  it('helper-misbehaves: the member names of an answer may be in upper or lower case', async () => {
    const place = await home({ [config]: { credsStore: 'own' } });
    await addHelper(place, 'own', answer({ serverurl: 'a', username: 'u', SECRET: secret('case') }));
    assert.deepEqual(await createKeychain({ env: place.env })('a'), basic('u', 'case'));
  });

  const rows: readonly (readonly [what: string, body: string, reason: RegExp])[] = [
    ['prints nothing', '', /without an answer/],
    [
      'fails with words on stderr',
      "console.error('the vault\\nis locked'); process.exit(3);",
      /the vault is locked/,
    ],
    [
      'fails with its secret on stderr',
      `console.error('{"Secret":"${secret('err')}"}'); process.exit(3);`,
      /3/,
    ],
  ];
  for (const [what, body, reason] of rows) {
    it(`helper-misbehaves: the error names a helper that ${what}`, async () => {
      const place = await home({ [config]: { credsStore: 'own' } });
      await addHelper(place, 'own', body);
      await assert.rejects(createKeychain({ env: place.env })('a'), (error) => {
        assert.ok(isGantryError(error, 'HELPER_FAILED'));
        assert.match(error.message, /docker-credential-own/);
        assert.match(error.message, reason);
        assert.equal(findSecret(error.message), -1);
        assert.ok(!error.message.includes('\n'));
        return true;
      });
    });
  }

  it('helper-misbehaves: the error for a helper that is not executable says how to continue', async () => {
    const place = await home({ [config]: { credsStore: 'own' } }, {});
    await addHelper(place, 'own', '');
    await chmod(join(place.path, 'bin', 'docker-credential-own'), 0o644);
    await assert.rejects(createKeychain({ env: place.env })('a'), /(make it executable|install it)/);
  });
});
