import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/index.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { pushMade } from '../deletes/images.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';
import { fakeRegistry } from './fake-registry.ts';
import { gantry } from './gantry.ts';
import { makeIndex, store } from './images.ts';

/** Returns an environment with this file of docker's logins and settings. */
async function withConfig(test: TestContext, config: unknown): Promise<NodeJS.ProcessEnv> {
  const home = await folder(test);
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'config.json'), JSON.stringify(config));
  return { DOCKER_CONFIG: home };
}

describe('credentials on the command line', () => {
  it('auth get prints an identity token under the name that docker gives it', async (test) => {
    const env = await withConfig(test, {
      auths: { 'r.example': { identitytoken: secret('identity') } },
    });
    const { code, stdout } = await gantry(['auth', 'get', 'r.example'], { env });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { Username: '<token>', Secret: secret('identity') });
  });

  it('auth get without a registry on stdin is a usage error that names both ways', async () => {
    const { code, stdout, stderr } = await gantry(['auth', 'get']);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /as an argument or on stdin/);
  });

  it('a password of more than 64 KiB on stdin is a usage error, and is not stored', async (test) => {
    const env = await withConfig(test, {});
    const args = ['auth', 'login', 'r.example', '-u', 'me', '--password-stdin', '--no-verify'];
    const login = await gantry(args, { env, input: 'x'.repeat(64 * 1024 + 1) });
    assert.equal(login.code, 2);
    assert.match(login.stderr, /^gantry: stdin has more than 64 KiB[^\n]*\n$/);
    assert.equal((await gantry(['auth', 'get', 'r.example'], { env })).code, 1);
  });

  it('a password of exactly 64 KiB on stdin is stored', async (test) => {
    const env = await withConfig(test, {});
    const args = ['auth', 'login', 'r.example', '-u', 'me', '--password-stdin', '--no-verify'];
    const password = 'x'.repeat(64 * 1024);
    assert.equal((await gantry(args, { env, input: password })).code, 0);
    const { stdout } = await gantry(['auth', 'get', 'r.example'], { env });
    assert.deepEqual(JSON.parse(stdout), { Username: 'me', Secret: password });
  });
});

describe('gantry --docker-headers', () => {
  for (const [what, headers] of [
    ['a list', ['X-One: 1']],
    ['a text', 'X-One: 1'],
    ['a number', 5],
  ] as const) {
    it(`HttpHeaders that are ${what} are a usage error before any request`, async (test) => {
      let asked = 0;
      const host = await fakeRegistry(test, (_, to) => {
        asked++;
        to.writeHead(500).end();
      });
      const env = await withConfig(test, { HttpHeaders: headers });
      const { code, stderr } = await gantry(['ls', `${host}/app`, '--docker-headers', host], { env });
      assert.equal(code, 2);
      assert.match(stderr, /^gantry: [^\n]*config\.json: HttpHeaders must be an object\n$/);
      assert.equal(asked, 0);
    });
  }

  it('HttpHeaders go to the named registry, and values that are no text become text', async (test) => {
    const seen: unknown[] = [];
    const host = await fakeRegistry(test, (from, to) => {
      seen.push([from.headers['x-one'], from.headers['x-two']]);
      to.writeHead(200, { 'content-type': 'application/json' }).end('{"name":"app","tags":["1"]}');
    });
    const env = await withConfig(test, { HttpHeaders: { 'X-One': 'a', 'X-Two': 2 } });
    for (const flags of [['--docker-headers', host], ['--docker-headers', 'other.example'], []]) {
      assert.equal((await gantry(['ls', `${host}/app`, ...flags], { env })).stdout, '1\n');
    }
    assert.deepEqual(seen, [
      ['a', '2'],
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  it('a config file without HttpHeaders sends none', async (test) => {
    const host = await fakeRegistry(test, (_, to) => {
      to.writeHead(200, { 'content-type': 'application/json' }).end('{"name":"app","tags":["1"]}');
    });
    const env = await withConfig(test, {});
    assert.equal((await gantry(['ls', `${host}/app`, '--docker-headers', host], { env })).code, 0);
  });
});

describe('gantry delete of several repositories', () => {
  it('a pattern that matches no tag deletes nothing, says so, and is a success', async () => {
    await using registry = await startRegistry();
    await using client = createClient();
    const app = `${registry.host}/acme/app`;
    await pushMade(client, app, { main: 1 });
    const { code, stdout, stderr } = await gantry(['delete', '--match', 'pr-*', app]);
    assert.deepEqual([code, stdout, stderr], [0, '', 'no tag matches: nothing to delete\n']);
    assert.deepEqual(await listOf(client.tags(app)), ['main']);
  });

  it('a missing repository among others is named, and the others are cleaned up', async () => {
    await using registry = await startRegistry();
    await using client = createClient();
    const app = `${registry.host}/acme/app`;
    await pushMade(client, app, { 'pr-1': 1, main: 1 });
    const args = ['delete', '--match', 'pr-*', `${registry.host}/acme/none`, app];
    const { code, stderr } = await gantry(args);
    assert.notEqual(code, 0);
    assert.match(stderr, /^gantry: [^\n]*acme\/none: /m);
    assert.deepEqual(await listOf(client.tags(app)), ['main']);
  });
});

describe('gantry inspect and validate', () => {
  it('validate of a file that is no archive fails and names the file', async (test) => {
    const cwd = await folder(test);
    await writeFile(join(cwd, 'notes.txt'), 'no archive');
    const { code, stderr } = await gantry(['validate', '--tarball', 'notes.txt'], { cwd });
    assert.notEqual(code, 0);
    assert.match(stderr, /notes\.txt/);
  });

  it('validate of a missing file exits with 3', async (test) => {
    const cwd = await folder(test);
    const { code, stderr } = await gantry(['validate', '--tarball', 'missing.tar'], { cwd });
    assert.equal(code, 3, stderr);
    assert.match(stderr, /missing\.tar/);
  });

  it('validate --platform of a platform that an index lacks exits with 3, and names it', async () => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await makeIndex('hello'));
    const args = ['validate', '--remote', `${registry.host}/app:1`, '--platform', 'linux/s390x'];
    const { code, stderr } = await gantry(args);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /linux\/s390x/);
  });
});
