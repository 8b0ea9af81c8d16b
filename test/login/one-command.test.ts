import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gantry } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';
import { type Guarded, startGuarded } from './guarded.ts';

const source = `reader:${secret('of-the-source')}`;
const destination = `writer:${secret('of-the-destination')}`;
const passwordOf = (who: string): string => who.slice(who.indexOf(':') + 1);
const me = ['--username', 'reader', '--password-stdin'];

async function startFilled(test: TestContext): Promise<Guarded> {
  const guarded = await startGuarded(test, (who) => who === source);
  await store(guarded.registry, 'app', ['1'], await makeImage('hello'));
  return guarded;
}

describe('--username and --password-stdin', () => {
  for (const line of [
    'digest HOST/app:1',
    'inspect HOST/app:1',
    'manifest HOST/app:1',
    'config HOST/app:1',
    'ls HOST/app',
    'catalog HOST',
    'referrers HOST/app:1',
    'validate --remote HOST/app:1',
    'tag HOST/app:1 2',
    'copy HOST/app:1 HOST/other:1',
    'copy -a HOST/app HOST/other',
    'copy HOST/app:1 oci:DIR',
    'pull HOST/app:1 DIR.tar',
    'pull HOST/app:1 HOST/app:1 DIR.tar',
    'delete HOST/app:1',
  ]) {
    it(`--username and --password-stdin apply to one command: ${line}`, async (test) => {
      const { host } = await startFilled(test);
      const path = join(await folder(test), 'image');
      const words = line.split(' ').map((word) => word.replace('HOST', host).replace('DIR', path));
      const input = `${passwordOf(source)}\n`;
      const { code, stdout, stderr } = await gantry([...words, ...me], { input });
      assert.equal(code, 0, stderr);
      assert.ok(!`${stdout}${stderr}`.includes(secret('')));
      assert.equal((await gantry(words)).code, 4);
    });
  }

  it('--username takes precedence over a stored login', async (test) => {
    const { host } = await startFilled(test);
    const env = { DOCKER_CONFIG: await folder(test) };
    const login = ['auth', 'login', host, '-u', 'other', '--password-stdin', '--no-verify'];
    assert.equal((await gantry(login, { env, input: 'x' })).code, 0);
    assert.equal((await gantry(['digest', `${host}/app:1`], { env })).code, 4);
    const named = await gantry([...me, 'digest', `${host}/app:1`], { env, input: passwordOf(source) });
    assert.equal(named.code, 0, named.stderr);
  });

  for (const [name, args] of [
    ['a copy between two', ['copy', 'ONE/app:1', 'TWO/app:1']],
    ['a pull from two', ['pull', 'ONE/app:1', 'TWO/app:1', 'x.tar']],
  ] as const) {
    it(`--username for several registries is a usage error before any request: ${name}`, async (test) => {
      const [one, two] = [await startFilled(test), await startFilled(test)];
      const words = args.map((word) => word.replace('ONE', one.host).replace('TWO', two.host));
      assert.equal((await gantry([...words, ...me], { input: 'x' })).code, 2);
      assert.equal(one.requests.length + two.requests.length, 0);
    });
  }

  for (const [name, args] of [
    ['a user without a password where there is no terminal', ['--username', 'me']],
    ['a password without a user', ['--password-stdin']],
    ['an empty user', ['--username', '', '--password-stdin']],
    ['a colon in the user', ['--username', 'me:too', '--password-stdin']],
  ] as const) {
    it(`--username with ${name} is a usage error`, async () => {
      assert.equal((await gantry(['digest', 'localhost:1/app', ...args], { input: 'x' })).code, 2);
    });
  }
});

interface Sides {
  readonly from: Guarded;
  readonly to: Guarded;
}

async function startSides(test: TestContext): Promise<Sides> {
  const to = await startGuarded(test, (who) => who === destination);
  return { from: await startFilled(test), to };
}

describe('the logins of a copy', () => {
  for (const [name, args, input] of [
    [
      'one from stdin and one among the arguments',
      ['--src-username', 'reader', '--src-password-stdin', '--dest-creds', destination],
      passwordOf(source),
    ],
    [
      'the other way round',
      ['--src-creds', source, '--dest-username', 'writer', '--dest-password-stdin'],
      passwordOf(destination),
    ],
    [
      'a user of creds with a password from stdin',
      ['--src-creds', source, '--dest-creds', 'writer', '--dest-password-stdin'],
      passwordOf(destination),
    ],
  ] as const) {
    it(`each side of a copy has its own login: ${name}`, async (test) => {
      const { from, to } = await startSides(test);
      for (const more of [
        [`${from.host}/app:1`, `${to.host}/app:1`],
        ['-a', `${from.host}/app`, `${to.host}/all`],
      ]) {
        const { code, stdout, stderr } = await gantry(['copy', ...more, ...args], { input });
        assert.equal(code, 0, stderr);
        assert.ok(!`${stdout}${stderr}`.includes(secret('')));
      }
      assert.deepEqual([[...from.shown], [...to.shown]], [[source], [destination]]);
    });
  }

  it('the logins of two repositories of one registry stay apart', async (test) => {
    const both = await startGuarded(
      test,
      (who, { url }) => who === (url.startsWith('/v2/app/') ? source : destination),
    );
    await store(both.registry, 'app', ['1'], await makeImage('hello'));
    const args = ['--src-creds', source, '--dest-username', 'writer', '--dest-password-stdin'];
    const { code, stderr } = await gantry(
      ['copy', `${both.host}/app:1`, `${both.host}/app/copy:1`, ...args],
      {
        input: passwordOf(destination),
      },
    );
    assert.equal(code, 4, stderr);
    const apart = await gantry(['copy', `${both.host}/app:1`, `${both.host}/copy:1`, ...args], {
      input: passwordOf(destination),
    });
    assert.equal(apart.code, 0, apart.stderr);
  });

  it('the login of one side is not sent to the other', async (test) => {
    const { from, to } = await startSides(test);
    const args = ['--src-username', 'reader', '--src-password-stdin'];
    const copy = ['copy', `${from.host}/app:1`, `${to.host}/app:1`, ...args];
    assert.equal((await gantry(copy, { input: passwordOf(source) })).code, 4);
    assert.deepEqual([[...from.shown], [...to.shown]], [[source], []]);
  });

  for (const [name, args] of [
    [
      'two passwords on stdin',
      ['--src-username', 'a', '--src-password-stdin', '--dest-username', 'b', '--dest-password-stdin'],
    ],
    [
      'a login of no side beside one of a side',
      ['--src-creds', 'a:b', '--username', 'me', '--password-stdin'],
    ],
    ['a user twice', ['--src-creds', 'a:b', '--src-username', 'a']],
    ['a password twice', ['--src-creds', 'a:b', '--src-password-stdin']],
    ['a password without a user', ['--dest-password-stdin']],
    ['a user without a password where there is no terminal', ['--dest-creds', 'me']],
    ['no user', ['--src-creds', ':x']],
  ] as const) {
    it(`the logins of a copy with ${name} are a usage error`, async () => {
      const { code, stderr } = await gantry(['copy', 'localhost:1/a', 'localhost:1/b', ...args], {
        input: 'x',
      });
      assert.equal(code, 2, stderr);
    });
  }

  it('logins of a copy for a place on disk, or two for one repository, are a usage error', async () => {
    assert.equal((await gantry(['copy', 'oci:x', 'localhost:1/b', '--src-creds', 'a:b'])).code, 2);
    const twice = ['copy', 'localhost:1/a:1', 'localhost:1/a:2', '--src-creds', 'a:b', '--dest-creds', 'c:d'];
    assert.equal((await gantry(twice)).code, 2);
  });
});
