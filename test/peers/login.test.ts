import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { type Ended, output, type RunOptions, run } from '../../bench/support/programs.ts';
import { command } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { secret } from '../secret.ts';
import { gzipLayer, imageOf, partsInLayout, partsOf, saveLayout } from './images.ts';
import { openPodman } from './podman.ts';

/** A registry with users: gantry and the peers share logins in docker's config file. */

const user = 'someone';
const password = secret('distribution: of tests');
/** A line in the form of `htpasswd -B`: bcrypt of the password at its lowest cost. */
const htpasswd = `${user}:$2b$04$4dr3QzWwkoBWMf99IppMaOqVumfQ0SYqY8iCYxqL/tme9NW3VtSC.\n`;

const image = await imageOf('amd64', [await gzipLayer('private')]);

interface Login {
  readonly how: string;
  readonly login: (home: string, secret: string) => Promise<unknown>;
}

describe('logins at docker-registry', needs('docker-registry', 'crane', 'skopeo', 'oras', 'podman'), () => {
  let registry: RunningRegistry;
  before(async () => {
    registry = await startDistribution({ htpasswd });
  });
  after(() => registry[Symbol.asyncDispose]());

  const logins: readonly Login[] = [
    {
      how: 'gantry auth login',
      login: (home, secret) =>
        gantryOutput(['auth', 'login', registry.host, '-u', user, '--password-stdin'], {
          ...at(home),
          input: secret,
        }),
    },
    {
      how: 'crane auth login',
      login: (home, secret) =>
        output('crane', ['auth', 'login', registry.host, '-u', user, '-p', secret], at(home)),
    },
    {
      how: 'oras login',
      login: (home, secret) =>
        output('oras', ['login', '--plain-http', registry.host, '-u', user, '--password-stdin'], {
          ...at(home),
          input: secret,
        }),
    },
    {
      how: 'skopeo login',
      login: (home, secret) =>
        output(
          'skopeo',
          [
            'login',
            '--tls-verify=false',
            `--authfile=${join(home, 'config.json')}`,
            '-u',
            user,
            '--password-stdin',
            registry.host,
          ],
          { input: secret },
        ),
    },
    {
      how: 'podman login',
      async login(home, secret) {
        await using podman = await openPodman();
        const options = ['--tls-verify=false', `--authfile=${join(home, 'config.json')}`];
        await podman('login', ...options, '-u', user, '-p', secret, registry.host);
      },
    },
  ];

  for (const { how, login } of logins) {
    it(`after ${how} gantry and its peers push, list and pull`, async (test) => {
      const { home, layout } = await homeWithLayout(test);
      const reference = `${registry.host}/private/${how.replaceAll(' ', '-')}:1`;
      await login(home, password);
      await gantryOutput(['push', layout, reference], at(home));
      assert.equal(await gantryOutput(['ls', reference.slice(0, -2)], at(home)), '1\n');
      await gantryOutput(['pull', '--format=oci', reference, join(home, 'pulled')], at(home));
      const wanted = await partsOf(image);
      assert.deepEqual(await partsInLayout(join(home, 'pulled')), wanted);

      assert.equal(await output('crane', ['digest', reference], at(home)), `${wanted.root}\n`);
      assert.equal(
        await output('skopeo', [
          'inspect',
          '--tls-verify=false',
          `--authfile=${join(home, 'config.json')}`,
          '--format={{.Digest}}',
          `docker://${reference}`,
        ]),
        `${wanted.root}\n`,
      );
      assert.equal(
        await output('oras', ['resolve', '--plain-http', reference], at(home)),
        `${wanted.root}\n`,
      );
    });
  }

  for (const command of ['push', 'pull', 'digest'] as const) {
    const args = (layout: string): readonly string[] => {
      const reference = `${registry.host}/private/app:1`;
      if (command === 'push') return ['push', layout, reference];
      return command === 'pull' ? ['pull', reference, `${layout}.tar`] : ['digest', reference];
    };

    it(`gantry ${command} with a wrong password ends with exit code 4`, async (test) => {
      const { home, layout } = await homeWithLayout(test);
      const login = ['auth', 'login', registry.host, '-u', user, '--password-stdin', '--no-verify'];
      await gantryOutput(login, { ...at(home), input: 'wrong' });
      const { code, stdout, stderr } = await gantry(args(layout), at(home));
      assert.equal(code, 4);
      assert.equal(stdout, '');
      assert.ok(!stderr.includes('wrong'));
    });

    it(`gantry ${command} without a login ends with exit code 4`, async (test) => {
      const { home, layout } = await homeWithLayout(test);
      assert.equal((await gantry(args(layout), at(home))).code, 4);
    });
  }

  it('gantry auth logout takes back what crane auth login gave', async (test) => {
    const home = await folder(test);
    await output('crane', ['auth', 'login', registry.host, '-u', user, '-p', password], at(home));
    assert.equal((await gantry(['catalog', registry.host], at(home))).code, 0);
    await gantryOutput(['auth', 'logout', registry.host], at(home));
    assert.equal((await gantry(['catalog', registry.host], at(home))).code, 4);
  });
});

function gantry(args: readonly string[], options: RunOptions): Promise<Ended> {
  const [file, ...first] = command;
  return run(file, [...first, ...args], options);
}

function gantryOutput(args: readonly string[], options: RunOptions): Promise<string> {
  const [file, ...first] = command;
  return output(file, [...first, ...args], options);
}

function at(home: string): RunOptions {
  return { env: { DOCKER_CONFIG: home } };
}

async function homeWithLayout(
  test: TestContext,
): Promise<{ readonly home: string; readonly layout: string }> {
  const home = await folder(test);
  const layout = join(home, 'layout');
  await saveLayout(image, layout);
  return { home, layout };
}
