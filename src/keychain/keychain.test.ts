import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import type { Credential } from './credential.ts';
import { createKeychain } from './keychain.ts';
import { eraseCredential, storeCredential } from './store.ts';

let root = '';
let homes = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'gantry-keychain-'));
});
after(() => rm(root, { recursive: true, force: true }));

interface Home {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A home directory of its own, with these files in it. */
async function home(
  files: Readonly<Record<string, unknown>> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<Home> {
  const path = join(root, `home-${++homes}`);
  await mkdir(join(path, 'bin'), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return {
    path,
    env: {
      HOME: path,
      PATH: `${join(path, 'bin')}${delimiter}${process.env['PATH']}`,
      XDG_RUNTIME_DIR: join(path, 'run'),
      ...env,
    },
  };
}

/** A helper that is a real program: it notes each run in `runs`, its input in `input`, and then does what `body` says. */
async function addHelper({ path }: Home, name: string, body: string): Promise<void> {
  const file = join(path, 'bin', `docker-credential-${name}`);
  const script = `#!${process.execPath}
const fs = require('node:fs');
const input = fs.readFileSync(0, 'utf8');
fs.appendFileSync(${JSON.stringify(join(path, 'runs'))}, process.argv[2] + ' ' + input + '\\n');
${body}
`;
  await writeFile(file, script);
  await chmod(file, 0o755);
}

async function runsOf({ path }: Home): Promise<readonly string[]> {
  const text = await readFile(join(path, 'runs'), 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

const config = '.docker/config.json';
const auth = (text: string): string => Buffer.from(text).toString('base64');
const basic = (username: string, password: string): Credential => ({ kind: 'basic', username, password });
/** A file that knows one registry, `a`. */
const entry = (name: string): unknown => ({ auths: { a: { auth: auth(`${name}:x`) } } });
/** What a helper does to answer. */
const answer = (value: unknown): string => `console.log(${JSON.stringify(JSON.stringify(value))});`;
const unlessWindows = process.platform === 'win32' ? { skip: 'a script is no program on Windows' } : {};

describe('the file of docker', () => {
  const user = auth('user:secret');
  const rows: readonly (readonly [
    string,
    {
      readonly auths: Readonly<Record<string, unknown>>;
      readonly registry: string;
      readonly repository?: string;
    },
    Credential | undefined,
  ])[] = [
    ['finds a host', { auths: { 'ghcr.io': { auth: user } }, registry: 'ghcr.io' }, basic('user', 'secret')],
    [
      'finds a host with a port',
      { auths: { 'reg:5000': { auth: user } }, registry: 'reg:5000' },
      basic('user', 'secret'),
    ],
    [
      'does not take a port for another',
      { auths: { 'reg:5000': { auth: user } }, registry: 'reg:5001' },
      undefined,
    ],
    ['does not take a port for none', { auths: { reg: { auth: user } }, registry: 'reg:5000' }, undefined],
    [
      'does not take a part of a host for it',
      { auths: { 'evil-ghcr.io': { auth: user } }, registry: 'ghcr.io' },
      undefined,
    ],
    [
      'does not take a longer host for it',
      { auths: { 'ghcr.io.evil.com': { auth: user } }, registry: 'ghcr.io' },
      undefined,
    ],
    [
      'does not take a host within a path',
      { auths: { 'https://evil.com/ghcr.io': { auth: user } }, registry: 'ghcr.io' },
      undefined,
    ],
    [
      'finds a URL',
      { auths: { 'https://ghcr.io': { auth: user } }, registry: 'ghcr.io' },
      basic('user', 'secret'),
    ],
    [
      'finds a URL with a version',
      { auths: { 'https://GHCR.io/v2/': { auth: user } }, registry: 'ghcr.io' },
      basic('user', 'secret'),
    ],
    [
      'finds an http URL',
      { auths: { 'http://reg:5000/v1/': { auth: user } }, registry: 'reg:5000' },
      basic('user', 'secret'),
    ],
    [
      "finds Docker Hub's own key",
      { auths: { 'https://index.docker.io/v1/': { auth: user } }, registry: 'docker.io' },
      basic('user', 'secret'),
    ],
    [
      'finds Docker Hub by its API host',
      { auths: { 'registry-1.docker.io': { auth: user } }, registry: 'docker.io' },
      basic('user', 'secret'),
    ],
    [
      'passes an empty entry of another spelling by',
      { auths: { 'docker.io': {}, 'https://index.docker.io/v1/': { auth: user } }, registry: 'docker.io' },
      basic('user', 'secret'),
    ],
    ['reads an empty entry as none', { auths: { 'ghcr.io': {} }, registry: 'ghcr.io' }, undefined],
    [
      'cuts at the first colon',
      { auths: { a: { auth: auth('u:p:q:r') } }, registry: 'a' },
      basic('u', 'p:q:r'),
    ],
    [
      'accepts missing padding',
      { auths: { a: { auth: auth('u:pp').replace(/=+$/, '') } }, registry: 'a' },
      basic('u', 'pp'),
    ],
    ['drops NULs at the end', { auths: { a: { auth: auth('u:p\0\0\0') } }, registry: 'a' }, basic('u', 'p')],
    [
      'reads user and password in plain',
      { auths: { a: { username: 'u', password: 'p' } }, registry: 'a' },
      basic('u', 'p'),
    ],
    [
      'reads an identity token',
      { auths: { a: { auth: auth('u:'), identitytoken: 'refresh' } }, registry: 'a' },
      { kind: 'identity', token: 'refresh', username: 'u' },
    ],
    [
      'reads a registry token',
      { auths: { a: { registrytoken: 'bearer' } }, registry: 'a' },
      { kind: 'registry', token: 'bearer' },
    ],
    [
      'reads the user <token> as an identity token',
      { auths: { a: { auth: auth('<token>:refresh') } }, registry: 'a' },
      { kind: 'identity', token: 'refresh' },
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
      'does not take a name that only begins alike for a namespace',
      { auths: { 'a/team': { auth: user } }, registry: 'a', repository: 'teammates/x' },
      undefined,
    ],
  ];
  for (const [name, { auths, registry, repository }, expected] of rows) {
    it(name, async () => {
      const { env } = await home({ [config]: { auths } });
      assert.deepEqual(await createKeychain({ env })(registry, repository), expected);
    });
  }

  for (const [name, content] of [
    ['JSON', 'not JSON: hunter2'],
    ['an object', '[]'],
    ['readable base64', { auths: { a: { auth: 'hunter2!!' } } }],
    ['user and password', { auths: { a: { auth: auth('hunter2') } } }],
  ] as const) {
    it(`is INVALID_OPTION, without a word of it, when it is not ${name}`, async () => {
      const { env } = await home({ [config]: content });
      await assert.rejects(createKeychain({ env })('a'), (error: unknown) => {
        assert.ok(isGantryError(error, 'INVALID_OPTION'));
        return !`${error.message}${String(error.cause)}`.includes('hunter2');
      });
    });
  }

  it('is not needed, and may be empty', async () => {
    assert.equal(await createKeychain({ env: (await home()).env })('a'), undefined);
    assert.equal(await createKeychain({ env: (await home({ [config]: '' })).env })('a'), undefined);
  });
});

describe('the places where credentials are looked for', () => {
  const places = [
    'DOCKER_AUTH_CONFIG',
    config,
    'explicit.json',
    'run/containers/auth.json',
    '.config/containers/auth.json',
  ];
  for (const [at, place] of places.entries()) {
    it(`${place} comes before those that follow it`, async () => {
      const files = Object.fromEntries(
        places.slice(at).flatMap((name) => (name === 'DOCKER_AUTH_CONFIG' ? [] : [[name, entry(name)]])),
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

  it('a place without an entry for the registry is passed by', async () => {
    const { env } = await home({ [config]: entry('file') }, { DOCKER_AUTH_CONFIG: '{"auths":{"other":{}}}' });
    assert.deepEqual(await createKeychain({ env })('a'), basic('file', 'x'));
  });

  it('DOCKER_CONFIG names the directory of the file', async () => {
    const { path, env } = await home({ 'elsewhere/config.json': entry('elsewhere') });
    const keychain = createKeychain({ env: { ...env, DOCKER_CONFIG: join(path, 'elsewhere') } });
    assert.deepEqual(await keychain('a'), basic('elsewhere', 'x'));
  });

  it('a file that is named stands alone', async () => {
    const { path, env } = await home({ [config]: entry('docker'), 'mine.json': { auths: {} } });
    assert.equal(await createKeychain({ env, configFile: join(path, 'mine.json') })('a'), undefined);
  });
});

describe('a credential helper', unlessWindows, () => {
  it('of a registry comes before the one for all, and that before the file', async () => {
    const place = await home({
      [config]: {
        credHelpers: { a: 'own' },
        credsStore: 'all',
        auths: { a: { auth: auth('file:x') }, b: { auth: auth('file:x') }, c: { auth: auth('file:x') } },
      },
    });
    await addHelper(place, 'own', answer({ Username: 'own', Secret: 's' }));
    await addHelper(
      place,
      'all',
      `if (input === 'c') { console.log('credentials not found in native keychain'); process.exit(1); }
       ${answer({ ServerURL: 'b', Username: 'all', Secret: 's' })}`,
    );
    const keychain = createKeychain({ env: place.env });
    assert.deepEqual(await keychain('a'), basic('own', 's'));
    assert.deepEqual(await keychain('b'), basic('all', 's'));
    assert.deepEqual(await keychain('c'), basic('file', 'x'));
  });

  it('is asked for Docker Hub by the key that it knows, and may answer with an identity token', async () => {
    const place = await home({ [config]: { credHelpers: { 'index.docker.io': 'own' } } });
    await addHelper(place, 'own', answer({ Username: '<token>', Secret: 'refresh' }));
    assert.deepEqual(await createKeychain({ env: place.env })('docker.io'), {
      kind: 'identity',
      token: 'refresh',
    });
    assert.deepEqual(await runsOf(place), ['get https://index.docker.io/v1/']);
  });

  it('runs once however many ask, and again when its answer is old', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', answer({ Username: 'all', Secret: 's' }));
    let now = 0;
    const keychain = createKeychain({ env: place.env, now: () => now });
    await Promise.all([keychain('a', 'x'), keychain('a', 'y'), keychain('a')]);
    await keychain('a');
    assert.equal((await runsOf(place)).length, 1);
    now = 5 * 60_000;
    await keychain('a');
    assert.equal((await runsOf(place)).length, 2);
  });

  for (const [name, helper, body] of [
    ['fails', 'own', "console.log('the keychain is locked'); process.exit(1);"],
    ['says nothing', 'own', 'process.exit(3);'],
    ['answers no JSON', 'own', "console.log('hunter2');"],
    ['answers without a secret', 'own', answer({ Username: 'u' })],
    ['answers something else than text', 'own', answer({ Username: 'hunter2', Secret: 1 })],
    ['says too much', 'own', "process.stdout.write('x'.repeat(4 * 1024 * 1024));"],
    ['is not there', 'absent', ''],
    ['has a name that would leave the PATH', '../own', ''],
  ] as const) {
    it(`is HELPER_FAILED when it ${name}`, async () => {
      const place = await home({ [config]: { credHelpers: { a: helper } } });
      await addHelper(place, 'own', body);
      await assert.rejects(createKeychain({ env: place.env })('a'), (error: unknown) => {
        assert.ok(isGantryError(error, 'HELPER_FAILED'));
        return !error.message.includes('hunter2');
      });
    });
  }

  it('is HELPER_FAILED when it gives no answer in time, and is asked again the next time', async () => {
    const place = await home({ [config]: { credHelpers: { a: 'own' } } });
    await addHelper(place, 'own', 'setInterval(() => {}, 1000);');
    const keychain = createKeychain({ env: place.env, timeout: 200 });
    await assert.rejects(keychain('a'), (error) => isGantryError(error, 'HELPER_FAILED'));
    await addHelper(place, 'own', answer({ Username: 'u', Secret: 's' }));
    assert.deepEqual(await createKeychain({ env: place.env })('a'), basic('u', 's'));
  });

  it('keeps and forgets what a login gives it', async () => {
    const place = await home({ [config]: { credsStore: 'all' } });
    await addHelper(place, 'all', '');
    const stored = await storeCredential('docker.io', basic('u', 'p'), { env: place.env });
    assert.equal(stored.helper, 'all');
    await storeCredential('a', { kind: 'identity', token: 't' }, { env: place.env });
    assert.deepEqual(JSON.parse(await readFile(join(place.path, config), 'utf8')).auths, {
      'https://index.docker.io/v1/': {},
      a: {},
    });
    await eraseCredential('docker.io', { env: place.env });
    assert.deepEqual(await runsOf(place), [
      'store {"ServerURL":"https://index.docker.io/v1/","Username":"u","Secret":"p"}',
      'store {"ServerURL":"a","Username":"<token>","Secret":"t"}',
      'erase https://index.docker.io/v1/',
    ]);
    assert.deepEqual(JSON.parse(await readFile(join(place.path, config), 'utf8')).auths, { a: {} });
  });
});

describe('a login', () => {
  const rows: readonly (readonly [string, Credential])[] = [
    ['a user and password', basic('u', 'p:q')],
    ['an identity token', { kind: 'identity', token: 't' }],
    ['an identity token with its user', { kind: 'identity', token: 't', username: 'u' }],
    ['a registry token', { kind: 'registry', token: 't' }],
  ];
  for (const [name, credential] of rows) {
    it(`keeps ${name} so that it is found again`, async () => {
      const { env } = await home();
      await storeCredential('docker.io', credential, { env });
      assert.deepEqual(await createKeychain({ env })('docker.io'), credential);
      await eraseCredential('docker.io', { env });
      assert.equal(await createKeychain({ env })('docker.io'), undefined);
    });
  }

  it('leaves every other field and entry as it was, and replaces other spellings of its own', async () => {
    const { path, env } = await home({
      [config]: {
        detachKeys: 'ctrl-e',
        auths: { other: { auth: 'eDp5', email: 'x' }, 'https://a/v2/': { auth: 'eDp5' } },
        plugins: { x: { y: 'z' } },
      },
    });
    await storeCredential('a', basic('u', 'p'), { env });
    assert.deepEqual(JSON.parse(await readFile(join(path, config), 'utf8')), {
      detachKeys: 'ctrl-e',
      auths: { other: { auth: 'eDp5', email: 'x' }, a: { auth: auth('u:p') } },
      plugins: { x: { y: 'z' } },
    });
  });

  it('makes the file for its owner only, and leaves no temporary one', unlessWindows, async () => {
    const { path, env } = await home();
    await storeCredential('a', basic('u', 'p'), { env });
    assert.equal((await stat(join(path, config))).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, '.docker'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(path, '.docker')), ['config.json']);
  });

  it('keeps the mode of a file and writes through a symbolic link', unlessWindows, async () => {
    const { path, env } = await home({ 'real.json': {}, '.docker/other': {} });
    await chmod(join(path, 'real.json'), 0o640);
    await symlink(join(path, 'real.json'), join(path, config));
    await storeCredential('a', basic('u', 'p'), { env });
    assert.equal((await lstat(join(path, config))).isSymbolicLink(), true);
    assert.equal((await stat(join(path, 'real.json'))).mode & 0o777, 0o640);
    assert.deepEqual(await createKeychain({ env })('a'), basic('u', 'p'));
  });

  it('changes nothing of a file that it does not understand', async () => {
    const { path, env } = await home({ [config]: '{' });
    await assert.rejects(storeCredential('a', basic('u', 'p'), { env }), (error) =>
      isGantryError(error, 'INVALID_OPTION'),
    );
    assert.equal(await readFile(join(path, config), 'utf8'), '{');
  });

  it('is IO_FAILED where there can be no file', async () => {
    const { path, env } = await home({ plain: 'a file' });
    const configFile = join(path, 'plain', 'config.json');
    await assert.rejects(storeCredential('a', basic('u', 'p'), { env, configFile }), (error) =>
      isGantryError(error, 'IO_FAILED'),
    );
  });

  it('that is undone where there was none changes nothing', async () => {
    const { path, env } = await home();
    await eraseCredential('a', { env });
    await assert.rejects(stat(join(path, config)));
  });
});
