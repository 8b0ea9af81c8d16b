import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { fakeRegistry } from '../cli/fake-registry.ts';
import { command, finished, gantry, startGantry, startProgram } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { secret } from '../secret.ts';
import { startGuarded } from './guarded.ts';

const password = `${secret('login')}:${secret('login, more')}`;
const isMe = (who: string): boolean => who === `me:${password}`;

interface Home {
  readonly env: NodeJS.ProcessEnv;
  /** Returns the content of the file of logins, if it exists. */
  readonly kept: () => Promise<string | undefined>;
}

async function openHome(test: TestContext): Promise<Home> {
  const path = await folder(test);
  return {
    env: { DOCKER_CONFIG: path },
    kept: () => readFile(join(path, 'config.json'), 'utf8').catch(() => undefined),
  };
}

const login = (host: string, ...more: readonly string[]): readonly string[] => [
  'auth',
  'login',
  host,
  '-u',
  'me',
  '--password-stdin',
  ...more,
];

describe('gantry auth login', () => {
  it('auth login stores a login that the registry accepts', async (test) => {
    const { host, shown } = await startGuarded(test, isMe);
    const { env, kept } = await openHome(test);
    const { code, stdout, stderr } = await gantry([...login(host), '--json'], {
      env,
      input: `${password}\n`,
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual([...shown], [`me:${password}`]);
    assert.ok((await kept())?.includes(host));
    assert.equal(JSON.parse(stdout).registry, host);
    assert.ok(!`${stdout}${stderr}`.includes(secret('login')));
  });

  it('auth login stores nothing that the registry refuses, and keeps an earlier login', async (test) => {
    const { host } = await startGuarded(test, isMe);
    const { env, kept } = await openHome(test);
    assert.equal((await gantry(login(host), { env, input: password })).code, 0);
    const before = await kept();
    const { code, stdout, stderr } = await gantry(login(host), { env, input: secret('wrong') });
    assert.deepEqual([code, stdout], [4, '']);
    assert.equal(await kept(), before);
    assert.ok(!stderr.includes(secret('wrong')));
  });

  it('auth login stores nothing when it cannot reach the registry', async (test) => {
    const { env, kept } = await openHome(test);
    assert.equal((await gantry(login('localhost:1'), { env, input: password })).code, 5);
    assert.equal(await kept(), undefined);
  });

  it('--no-verify keeps it without asking', async (test) => {
    const { host, requests } = await startGuarded(test, isMe);
    const { env, kept } = await openHome(test);
    assert.equal((await gantry(login(host, '--no-verify'), { env, input: secret('wrong') })).code, 0);
    assert.equal(requests.length, 0);
    assert.ok((await kept())?.includes(host));
  });

  it('auth login stores a login for a registry that asks for none, and says that it was not checked', async (test) => {
    const host = await fakeRegistry(test, (_, to) => to.end('{}'));
    const { env, kept } = await openHome(test);
    const { code, stderr } = await gantry(login(host), { env, input: password });
    assert.equal(code, 0);
    assert.equal(stderr.trimEnd().split('\n').length, 2);
    assert.ok((await kept())?.includes(host));
  });

  it('auth login stores nothing if the token service is foreign, and sends it no login', async (test) => {
    const authorizations: (string | undefined)[] = [];
    const stranger = await fakeRegistry(test, (from, to) => {
      authorizations.push(from.headers.authorization);
      to.end(JSON.stringify({ token: secret('for-anybody') }));
    });
    const realm = `http://${stranger.replace('127.0.0.1', 'localhost')}/token`;
    const host = await fakeRegistry(test, (from, to) => {
      if (from.headers.authorization !== undefined) return to.end('{}');
      return to.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
    });
    const { env, kept } = await openHome(test);
    assert.equal((await gantry(login(host), { env, input: password })).code, 4);
    assert.deepEqual(authorizations, [undefined]);
    assert.equal(await kept(), undefined);
  });

  for (const [name, status] of [
    ['a page that is not there', 404],
    ['a refusal', 403],
    ['a failure', 501],
  ] as const) {
    it(`auth login stores nothing when the registry answers with ${name}`, async (test) => {
      const host = await fakeRegistry(test, (_, to) => to.writeHead(status).end());
      const { env, kept } = await openHome(test);
      assert.notEqual((await gantry(login(host), { env, input: password })).code, 0);
      assert.equal(await kept(), undefined);
    });
  }

  for (const [name, args] of [
    ['no user', ['--password-stdin']],
    ['an empty user', ['-u', '', '--password-stdin']],
    ['a colon in the user', ['-u', 'me:too', '--password-stdin', '--no-verify']],
    ['no password where there is no terminal', ['-u', 'me']],
    ['an empty password', ['-u', 'me', '-p', '']],
    ['two passwords', ['-u', 'me', '-p', 'x', '--password-stdin']],
  ] as const) {
    it(`auth login with ${name} is a usage error`, async (test) => {
      const { env, kept } = await openHome(test);
      const { code } = await gantry(['auth', 'login', 'r.example', ...args], { env, input: 'x' });
      assert.equal(code, 2);
      assert.equal(await kept(), undefined);
    });
  }
});

const onLinux = {
  skip: process.platform !== 'linux' && 'Linux shows the arguments of a process in /proc',
};

describe('a password', () => {
  it('among the arguments is written over', onLinux, async (test) => {
    const seen: string[] = [];
    const { env } = await openHome(test);
    const host = await fakeRegistry(test, async (from, to) => {
      seen.push(await readFile(`/proc/${child.pid}/cmdline`, 'utf8'));
      to.writeHead(from.headers.authorization === undefined ? 401 : 200, {
        'www-authenticate': 'Basic',
      }).end();
    });
    const child = startGantry(['auth', 'login', host, '-u', 'me', '-p', password], { env });
    const { code, stderr } = await finished(child);
    assert.equal(code, 0, stderr);
    assert.ok(seen.length > 0);
    assert.ok(
      seen.every((line) => !line.includes(secret('login'))),
      seen.join(),
    );
    assert.ok(!stderr.includes(secret('login')));
  });

  it('the log of the wire contains no password', async (test) => {
    const { host } = await startGuarded(test, isMe);
    const { env } = await openHome(test);
    for (const given of [password, secret('wrong')]) {
      const { stderr } = await gantry([...login(host), '-v'], { env, input: given });
      assert.match(stderr, /--> GET/);
      const secrets = [given, Buffer.from(`me:${given}`).toString('base64')];
      assert.ok(
        secrets.every((secret) => !stderr.includes(secret)),
        stderr,
      );
    }
  });
});

describe('on a terminal', needs('script'), () => {
  it('user and password are asked for, and only the user is shown', async (test) => {
    const { host, shown } = await startGuarded(test, isMe);
    const { env, kept } = await openHome(test);
    const { code, screen } = await onTerminal(['auth', 'login', host], env, [
      ['user name: ', 'me\r'],
      ['password: ', `${password}\r`],
    ]);
    assert.equal(code, 0, screen);
    assert.deepEqual([...shown], [`me:${password}`]);
    assert.ok(screen.includes('user name: me'), screen);
    assert.ok(!screen.includes(secret('login')), screen);
    assert.ok((await kept())?.includes(host));
  });

  it('each side of a copy is asked for, as is a password that was to come from stdin', async (test) => {
    const [from, to] = [
      await startGuarded(test, isMe),
      await startGuarded(test, (who) => who === `you:${secret('yours')}`),
    ];
    await store(from.registry, 'app', ['1'], await makeImage('hello'));
    const args = ['--src-username', 'me', '--dest-username', 'you', '--dest-password-stdin'];
    const { code, screen } = await onTerminal(
      ['copy', `${from.host}/app:1`, `${to.host}/app:1`, ...args],
      {},
      [
        ['source: ', `${password}\r`],
        ['destination: ', `${secret('yours')}\r`],
      ],
    );
    assert.equal(code, 0, screen);
    assert.ok(!screen.includes(secret('login')), screen);
  });

  it('Ctrl-C ends the question', async (test) => {
    const { env, kept } = await openHome(test);
    const { code } = await onTerminal(['auth', 'login', 'localhost:1', '-u', 'me'], env, [
      ['password: ', '\u0003'],
    ]);
    assert.equal(code, 130);
    assert.equal(await kept(), undefined);
  });
});

/** Runs gantry on a terminal of its own, and types each answer when its question appears. */
async function onTerminal(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<{ readonly code: number | null; readonly screen: string }> {
  const line = [...command, ...args].join(' ');
  const child = startProgram('script', ['-qec', line, '/dev/null'], { env });
  let screen = '';
  let next = 0;
  child.stdout?.on('data', (data) => {
    screen += String(data);
    const [question, answer] = answers[next] ?? [];
    if (question === undefined || !screen.includes(question)) return;
    next++;
    child.stdin?.write(answer);
  });
  await once(child, 'close');
  return { code: child.exitCode, screen };
}

describe('a login is kept whole', () => {
  it('beside what others have written', async (test) => {
    const { host } = await startGuarded(test, isMe);
    const { env, kept } = await openHome(test);
    await writeFile(
      join(env['DOCKER_CONFIG'] ?? '', 'config.json'),
      '{"proxies":{"default":{}},"auths":{"x":{}}}',
    );
    assert.equal((await gantry(login(host), { env, input: password })).code, 0);
    const { auths, proxies } = JSON.parse((await kept()) ?? '');
    assert.deepEqual([Object.keys(auths), proxies], [['x', host], { default: {} }]);
  });
});
