import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { hash } from 'bcryptjs';
import { createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import type { WireEvent } from '../../src/http/event.ts';
import type { Keychain } from '../../src/keychain/credential.ts';
import { atEnd } from '../at-end.ts';
import { gantry, saidOnStderr, startGantry } from '../cli/gantry.ts';
import { makeImage } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { gzipLayer, imageOf, partsInLayout, partsOf, saveLayout } from '../peers/images.ts';
import { alsoSecret, basicOf, secret } from '../secret.ts';
import { createAuthority } from '../tls/authority.ts';

/** `gantry serve` with a login, used over real sockets by gantry's own client and command line. */

const password = secret('embedded');
const users = `someone:${await hash(password, 4)}\nother:${await hash(secret('embedded-other'), 4)}\n`;
const rules = `
rules:
  - repositories: ["private/**"]
    users: [someone]
    allow: [pull, push, delete]
  - repositories: ["public/**"]
    users: [someone]
    allow: [push, delete]
  - repositories: ["public/**"]
    anonymous: true
    allow: [pull]
  - repositories: ["drop/**"]
    users: ["*"]
    allow: [pull, create]
`;

interface Served {
  readonly host: string;
  /** Returns its output until now. */
  readonly said: () => string;
  readonly stop: () => Promise<void>;
}

async function serve(test: TestContext, args: readonly string[]): Promise<Served> {
  const child = startGantry(['serve', ...args]);
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  atEnd(test, stop);
  const [, host = ''] = await saidOnStderr(child, /serving on port \d+: https?:\/\/(\S+),/);
  return { host, said: () => said, stop };
}

interface Files {
  readonly home: string;
  readonly users: string;
  readonly rules: string;
  readonly layout: string;
}

const image = await imageOf('amd64', [await gzipLayer('embedded')]);

async function files(test: TestContext): Promise<Files> {
  const home = await folder(test);
  const paths = {
    home,
    users: join(home, 'htpasswd'),
    rules: join(home, 'rules.yaml'),
    layout: join(home, 'layout'),
  };
  await writeFile(paths.users, users);
  await writeFile(paths.rules, rules);
  await saveLayout(image, paths.layout);
  return paths;
}

function keychainOf(username: string, secretText: string): Keychain {
  return async () => ({ kind: 'basic', username, password: secretText });
}

const someone = keychainOf('someone', password);
const other = keychainOf('other', secret('embedded-other'));
const nobody: Keychain = async () => undefined;

async function failing(task: Promise<unknown>): Promise<string> {
  try {
    await task;
  } catch (error) {
    if (isGantryError(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

async function all(names: AsyncIterable<string>): Promise<readonly string[]> {
  const list: string[] = [];
  for await (const name of names) list.push(name);
  return list;
}

/**
 * Returns the schemes of the requests to a registry, as its log (-v) has them, without the requests to its token
 * service.
 */
function schemesIn(log: string): readonly string[] {
  const asked = log.split('--> ').filter((request) => !/^\S+ \S+\/v2\/token\?/.test(request));
  return [...new Set(asked.flatMap((request) => /^ *authorization: (\w+)/m.exec(request)?.[1] ?? []))];
}

describe('the command line at a registry with a login', () => {
  it('the command line logs in, pushes, lists, copies by a mount and pulls with tokens', async (test) => {
    const { home, users, layout } = await files(test);
    const { host } = await serve(test, ['--htpasswd', users]);
    const env = { DOCKER_CONFIG: home };
    const ok = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await gantry(['-v', ...args], { env });
      assert.equal(code, 0, stderr);
      assert.deepEqual(schemesIn(stderr), ['Bearer'], stderr);
      return stdout;
    };
    const login = ['auth', 'login', host, '-u', 'someone', '--password-stdin'];
    assert.equal((await gantry(['push', layout, `${host}/a/app:1`], { env })).code, 4);
    assert.equal((await gantry(login, { env, input: secret('wrong') })).code, 4);
    assert.equal((await gantry(login, { env, input: `${password}\n` })).code, 0);
    await ok('push', layout, `${host}/a/app:1`);
    await ok('copy', `${host}/a/app:1`, `${host}/b/app:2`);
    assert.equal(await ok('ls', `${host}/b/app`), '2\n');
    assert.equal(await ok('catalog', host), 'a/app\nb/app\n');
    await ok('pull', '--format=oci', `${host}/b/app:2`, join(home, 'pulled'));
    assert.deepEqual(await partsInLayout(join(home, 'pulled')), await partsOf(image));
    await ok('delete', `${host}/b/app:2`);
  });

  it('serve names the mistake in a file before the port opens', async (test) => {
    const { users, rules: rulesFile, home } = await files(test);
    const bad = join(home, 'bad');
    await writeFile(bad, 'rules:\n  - nonsense\n');
    const rows: readonly [args: readonly string[], says: string][] = [
      [['--htpasswd', join(home, 'absent')], 'absent: no such file'],
      [['--htpasswd', bad], 'bad:1: '],
      [['--htpasswd', users, '--rules', bad], 'bad:2: '],
      [['--htpasswd', users, '--rules', join(home, 'absent')], 'absent: no such file'],
      [['--rules', rulesFile], '--htpasswd'],
      [['--htpasswd', users, '--anonymous'], '--anonymous'],
      [['--htpasswd', users, '--public-url', 'registry.example'], 'registry.example'],
      [['--tls-cert', users], '--tls-key'],
      [['--tls-key', users], '--tls-cert'],
      [['--tls-key', users, '--tls-cert', users], 'PEM'],
      [['--tls-key', join(home, 'absent'), '--tls-cert', users], 'absent: no such file'],
      [['--address', ':0'], '--anonymous'],
      [['--address', '0.0.0.0:0'], '--htpasswd'],
    ];
    for (const [args, says] of rows) {
      const { code, stderr } = await gantry(['serve', ...args]);
      assert.equal(code, 2, stderr);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.ok(stderr.includes(says), stderr);
    }
  });

  it('serve listens on other addresses only with a login or --anonymous', async (test) => {
    const { users } = await files(test);
    for (const args of [['--htpasswd', users], ['--anonymous']]) {
      const { host } = await serve(test, ['--address', ':0', ...args]);
      const port = host.slice(host.lastIndexOf(':') + 1);
      const { status } = await fetch(`http://127.0.0.1:${port}/v2/`);
      assert.equal(status, args.length === 1 ? 200 : 401);
    }
  });
});

describe('our client at a registry with a login', () => {
  it('the client gets a token for its work, and mounts without sending a byte', async (test) => {
    const { users } = await files(test);
    const { host } = await serve(test, ['--htpasswd', users]);
    const events: WireEvent[] = [];
    await using client = createClient({ keychain: someone, onWire: (event) => events.push(event) });
    const { digest } = await client.pushImage(`${host}/a/app:1`, await makeImage('with tokens'));
    const asked = (): readonly string[] =>
      events.flatMap((event) => (event.kind === 'request' ? [`${event.method} ${event.url}`] : []));
    assert.equal(asked().filter((line) => line.includes('/v2/token?')).length, 1, asked().join('\n'));
    assert.equal((await client.getDescriptor(`${host}/a/app:1`)).digest, digest);
    events.length = 0;
    await client.copy(`${host}/a/app:1`, `${host}/b/app:1`);
    assert.deepEqual(
      asked().filter((line) => /^(?:PUT|PATCH) .*\/uploads\//.test(line)),
      [],
    );
    await client.delete(`${host}/b/app@${digest}`);
    assert.equal(await client.exists(`${host}/b/app:1`), false);
  });

  it('the client pushes and pulls a layout with tokens only', async (test) => {
    const { users, home, layout } = await files(test);
    const { host } = await serve(test, ['--htpasswd', users]);
    const schemes = new Set<string>();
    const onWire = (event: WireEvent): void => {
      if (event.kind !== 'request' || event.url.includes('/v2/token?')) return;
      for (const line of event.headers['authorization'] ?? []) schemes.add(line.replace(/ .*/, ''));
    };
    await using client = createClient({ keychain: someone, onWire });
    await client.push(layout, `${host}/a/app:1`);
    await client.pull([`${host}/a/app:1`], join(home, 'pulled'), { format: 'oci' });
    assert.deepEqual(await partsInLayout(join(home, 'pulled')), await partsOf(image));
    assert.deepEqual([...schemes], ['Bearer']);
  });

  it('the client has the rights of the rules, and gets an error for anything else', async (test) => {
    const { users, rules } = await files(test);
    const { host } = await serve(test, ['--htpasswd', users, '--rules', rules]);
    await using mine = createClient({ keychain: someone });
    await using theirs = createClient({ keychain: other });
    await using anybody = createClient({ keychain: nobody });
    const one = await makeImage('one');
    for (const name of ['private/app', 'public/app', 'drop/app'])
      await mine.pushImage(`${host}/${name}:1`, one);
    const two = await makeImage('two');
    const rows: readonly [what: string, code: string, task: () => Promise<unknown>][] = [
      ['other pulls what is private', 'DENIED', () => theirs.getDescriptor(`${host}/private/app:1`)],
      ['other pulls what is not there', 'DENIED', () => theirs.getDescriptor(`${host}/private/no:1`)],
      ['other pulls what is public', 'nothing', () => theirs.getDescriptor(`${host}/public/app:1`)],
      ['other pushes to what is public', 'DENIED', () => theirs.pushImage(`${host}/public/app:2`, two)],
      ['other sets a new tag', 'nothing', () => theirs.pushImage(`${host}/drop/app:2`, two)],
      ['other moves a tag', 'DENIED', () => theirs.pushImage(`${host}/drop/app:1`, two)],
      ['other deletes a tag', 'DENIED', () => theirs.delete(`${host}/drop/app:2`)],
      [
        'other copies what is private',
        'DENIED',
        () => theirs.copy(`${host}/private/app:1`, `${host}/drop/app:3`),
      ],
      [
        'other copies what is public',
        'nothing',
        () => theirs.copy(`${host}/public/app:1`, `${host}/drop/app:3`),
      ],
      ['nobody pulls what is public', 'nothing', () => anybody.getDescriptor(`${host}/public/app:1`)],
      ['nobody pulls what is private', 'UNAUTHORIZED', () => anybody.getDescriptor(`${host}/private/app:1`)],
      ['nobody pushes', 'UNAUTHORIZED', () => anybody.pushImage(`${host}/public/app:2`, two)],
    ];
    for (const [what, code, task] of rows) {
      assert.equal(await failing(task()), code, what);
    }
    assert.deepEqual(await all(theirs.catalog(host)), ['drop/app', 'public/app']);
    assert.deepEqual(await all(anybody.catalog(host)), ['public/app']);
  });

  it('changes of users and rules take effect for the client', async (test) => {
    const { users, rules } = await files(test);
    const { host, said } = await serve(test, ['--htpasswd', users, '--rules', rules]);
    const pull = async (keychain: Keychain): Promise<string> => {
      await using client = createClient({ keychain });
      return await failing(client.getDescriptor(`${host}/private/app:1`));
    };
    assert.equal(await pull(someone), 'MANIFEST_UNKNOWN');
    assert.equal(await pull(other), 'DENIED');
    await writeFile(rules, 'rules:\n  - repositories: ["**"]\n    users: [other]\n    allow: [pull]\n');
    assert.equal(await pull(someone), 'DENIED');
    assert.equal(await pull(other), 'MANIFEST_UNKNOWN');
    await writeFile(rules, 'rules: nonsense');
    assert.equal(await pull(other), 'MANIFEST_UNKNOWN');
    await writeFile(users, (await readFile(users, 'utf8')).replace(/other:.*\n/, ''));
    assert.equal(await pull(other), 'UNAUTHORIZED');
    await rm(users);
    assert.equal(await pull(someone), 'DENIED');
    assert.ok(said().includes('rules.yaml:1: '), said());
    assert.ok(said().includes('no such file'), said());
  });

  it('a token and an upload stay valid over a restart of a store on disk', async (test) => {
    const { users, home } = await files(test);
    const args = ['--htpasswd', users, '--disk', join(home, 'store')];
    const authorization = basicOf('someone', password);
    const first = await serve(test, args);
    const answer = await fetch(`http://${first.host}/v2/token?scope=repository:app:pull,push`, {
      headers: { authorization },
    });
    const { token }: { readonly token: string } = JSON.parse(await answer.text());
    alsoSecret(token);
    const headers = { authorization: `Bearer ${token}` };
    const begun = await fetch(`http://${first.host}/v2/app/blobs/uploads/`, { method: 'POST', headers });
    assert.equal(begun.status, 202);
    await first.stop();
    const second = await serve(test, args);
    const location = `http://${second.host}${begun.headers.get('location')}`;
    assert.equal((await fetch(location, { headers })).status, 204);
    const others = { authorization: basicOf('other', secret('embedded-other')) };
    assert.equal((await fetch(location, { headers: others })).status, 404);
  });
});

describe('the log of a registry with a login', () => {
  it('the log names the user of a request, and holds no password, token or form', async (test) => {
    const { users, home } = await files(test);
    const log = join(home, 'log');
    const { host, stop, said } = await serve(test, ['--htpasswd', users, '--log', log]);
    await using client = createClient({ keychain: someone });
    await client.pushImage(`${host}/a/app:1`, await makeImage('logged'));
    const form = new URLSearchParams({ grant_type: 'password', username: 'someone', password });
    const answer = await fetch(`http://${host}/v2/token`, { method: 'POST', body: form });
    const { token }: { readonly token: string } = JSON.parse(await answer.text());
    await fetch(`http://${host}/v2/`, { headers: { authorization: `Bearer ${token}` } });
    const wrong = secret('embedded-not-this');
    await fetch(`http://${host}/v2/`, { headers: { authorization: basicOf('someone', wrong) } });
    await stop();
    const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
    const usersOf = lines.map((line) => {
      const entry: { readonly user?: string } = JSON.parse(line);
      return entry.user;
    });
    // The first request has no user, since it fetches the challenge. The last one has a wrong password.
    assert.deepEqual([usersOf[0], usersOf.at(-2), usersOf.at(-1)], [undefined, 'someone', undefined]);
    const text = `${lines.join('')}${said()}`;
    for (const hidden of [password, token, token.split('.')[2] ?? token, wrong]) {
      assert.ok(!text.includes(hidden));
      assert.ok(!text.includes(encodeURIComponent(hidden)));
    }
  });
});

describe('a registry with a login over TLS', needs('openssl'), () => {
  it('the command line logs in, pushes and pulls at a registry with TLS by its name', async (test) => {
    const { home, users, layout } = await files(test);
    const authority = await createAuthority(home);
    const { certFile, keyFile } = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
    const { host } = await serve(test, [
      '--address=localhost:0',
      '--htpasswd',
      users,
      '--tls-cert',
      certFile,
      '--tls-key',
      keyFile,
    ]);
    const env = { DOCKER_CONFIG: home };
    const run = (...args: readonly string[]): ReturnType<typeof gantry> =>
      gantry([...args, '--cacert', authority.caFile], { env, input: password });
    for (const args of [
      ['auth', 'login', `https://${host}`, '-u', 'someone', '--password-stdin'],
      ['push', layout, `https://${host}/a/app:1`],
      ['digest', `https://${host}/a/app:1`],
    ]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    }
    assert.notEqual(
      (await gantry(['digest', `https://${host}/a/app:1`], { env })).code,
      0,
      'without the authority',
    );
  });
});
