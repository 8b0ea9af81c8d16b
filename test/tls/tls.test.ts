import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { type Ended, gantry } from '../cli/gantry.ts';
import { needs } from '../peer.ts';
import { gzipLayer, imageOf, partsInLayout, partsOf, saveLayout } from '../peers/images.ts';
import { secret } from '../secret.ts';
import { type Authority, type Certificate, createAuthority } from './authority.ts';
import { type Front, startFront } from './front.ts';

/** docker-registry with one user, behind TLS that only the test's own authority signs. */

const user = 'someone';
const password = secret('distribution: of tests');
/** A line in the form of `htpasswd -B`: bcrypt of the password at its lowest cost. */
const htpasswd = `${user}:$2b$04$4dr3QzWwkoBWMf99IppMaOqVumfQ0SYqY8iCYxqL/tme9NW3VtSC.\n`;
/** The exit codes of a failed connection and of a refusal. */
const noConnection = 5;

const image = await imageOf('amd64', [await gzipLayer('behind TLS')]);

interface Scene {
  readonly folder: string;
  readonly layout: string;
  readonly authority: Authority;
  readonly client: Certificate;
  /** Serves everybody. */
  readonly open: Front;
  /** Serves clients with a certificate of the test's authority. */
  readonly guarded: Front;
  /** Has a certificate for another name. */
  readonly misnamed: Front;
  readonly registry: RunningRegistry;
}

describe('docker-registry behind TLS', needs('docker-registry'), () => {
  let scene: Scene;
  before(async () => {
    scene = await openScene();
  });
  after(() => closeScene(scene));

  /** Makes a home folder that holds only the given files. */
  const homeWith = async (...files: readonly (readonly [from: string, to: string])[]): Promise<string> => {
    const home = await mkdtemp(join(scene.folder, 'home-'));
    for (const [from, to] of files) {
      await mkdir(join(home, to, '..'), { recursive: true });
      await copyFile(from, join(home, to));
    }
    return home;
  };
  const push = async (
    front: Pick<Front, 'port'>,
    flags: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Ended> =>
    gantry(['push', scene.layout, named(front), '--username', user, '--password-stdin', ...flags], {
      input: password,
      env: { HOME: scene.folder, ...env },
    });

  it('a registry with an unknown certificate gets no request', async () => {
    const { code, stderr } = await push(scene.open, []);
    assert.equal(code, noConnection, stderr);
    assert.ok(!stderr.includes(password));
  });

  for (const [name, frontOf, flagsOf] of [
    ['--cacert', ({ open }: Scene) => open, () => []],
    [
      '--cacert, --cert and --key',
      ({ guarded }: Scene) => guarded,
      ({ client }: Scene) => ['--cert', client.certFile, '--key', client.keyFile],
    ],
  ] as const) {
    it(`a registry takes a login, a push and a pull with ${name}`, async () => {
      const home = await homeWith();
      const front = frontOf(scene);
      const env = { HOME: home, DOCKER_CONFIG: join(home, '.docker') };
      const flags = ['--cacert', scene.authority.caFile, ...flagsOf(scene)];
      const run = async (args: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await gantry([...args, ...flags], { env, input: password });
        assert.equal(code, 0, stderr);
        return stdout.trim();
      };
      await run(['auth', 'login', `https://${registryOf(front)}`, '-u', user, '--password-stdin']);
      const pushed = await run(['push', scene.layout, named(front)]);
      assert.equal(await run(['digest', named(front)]), pushed.replace(/^.*@/, ''));
      await run(['pull', '--format=oci', named(front), join(home, 'pulled')]);
      assert.deepEqual(await partsInLayout(join(home, 'pulled')), await partsOf(image));
    });
  }

  for (const place of ['.config/containers/certs.d', '.docker/certs.d']) {
    it(`a registry is trusted by the certificates in ${place}`, async () => {
      const home = await homeWith([scene.authority.caFile, `${place}/${registryOf(scene.open)}/ca.crt`]);
      assert.equal((await push(scene.open, [], { HOME: home })).code, 0);
    });
  }

  it('a registry is not trusted by certs.d of another port', async () => {
    const home = await homeWith([scene.authority.caFile, '.docker/certs.d/localhost:1/ca.crt']);
    assert.equal((await push(scene.open, [], { HOME: home })).code, noConnection);
  });

  for (const variable of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
    it(`a registry is trusted by ${variable}`, async () => {
      assert.equal((await push(scene.open, [], { [variable]: scene.authority.caFile })).code, 0);
    });
  }

  it('a registry is trusted by a folder in SSL_CERT_DIR', async () => {
    const home = await homeWith([scene.authority.caFile, 'trusted/own.pem']);
    assert.equal((await push(scene.open, [], { SSL_CERT_DIR: join(home, 'trusted') })).code, 0);
  });

  it('a registry that demands a client certificate gets it from --cert and --key', async () => {
    const { certFile, keyFile } = scene.client;
    const ca = ['--cacert', scene.authority.caFile];
    assert.equal((await push(scene.guarded, ca)).code, noConnection);
    const shown = await push(scene.guarded, [...ca, '--cert', certFile, '--key', keyFile]);
    assert.equal(shown.code, 0, shown.stderr);
  });

  it('a registry that demands a client certificate gets it from certs.d', async () => {
    const place = `.config/containers/certs.d/${registryOf(scene.guarded)}`;
    const home = await homeWith(
      [scene.authority.caFile, `${place}/ca.crt`],
      [scene.client.certFile, `${place}/us.cert`],
      [scene.client.keyFile, `${place}/us.key`],
    );
    const { code, stderr } = await push(scene.guarded, [], { HOME: home });
    assert.equal(code, 0, stderr);
  });

  it('a client certificate without its key is an error before any request', async () => {
    const place = `.docker/certs.d/${registryOf(scene.guarded)}`;
    const home = await homeWith([scene.client.certFile, `${place}/us.cert`]);
    assert.equal((await push(scene.guarded, [], { HOME: home })).code, 2);
    assert.equal((await push(scene.guarded, ['--cert', scene.client.certFile])).code, 2);
    assert.equal((await push(scene.open, ['--cacert', scene.layout])).code !== 0, true);
  });

  it('a registry with a certificate for another name gets no request', async () => {
    const { code } = await push(scene.misnamed, ['--cacert', scene.authority.caFile]);
    assert.equal(code, noConnection);
  });

  it('any certificate is accepted with --insecure, or from a named host, but not when another one is named', async () => {
    assert.equal((await push(scene.open, ['--insecure'])).code, 0);
    assert.equal((await push(scene.open, ['--insecure-registry', registryOf(scene.open)])).code, 0);
    assert.equal((await push(scene.open, ['--insecure-registry', 'localhost:1'])).code, noConnection);
  });

  it('gantry falls back to plain HTTP only if nothing there speaks TLS, and only if that is permitted', async () => {
    const plain = { port: Number(scene.registry.host.replace(/^.*:/, '')) };
    assert.equal((await push(plain, [])).code, noConnection);
    assert.equal((await push(plain, ['--insecure'])).code, 0);
    // A server there uses TLS, so gantry does not send the password to the plain port of the same name.
    assert.equal((await push(scene.guarded, ['--insecure'])).code, noConnection);
  });

  it('one side of a copy may be insecure', async () => {
    const copy = async (flags: readonly string[]): Promise<number | null> => {
      const target = named(scene.misnamed).replace(/:v1$/, ':copied');
      const login = ['--src-creds', `${user}:${password}`, '--dest-creds', `${user}:${password}`];
      const args = ['copy', named(scene.open), target.replace('acme/app', 'acme/copy'), ...login, ...flags];
      return (await gantry(args, { env: { HOME: scene.folder } })).code;
    };
    assert.equal((await push(scene.open, ['--insecure'])).code, 0);
    assert.notEqual(await copy(['--cacert', scene.authority.caFile]), 0);
    assert.notEqual(await copy(['--cacert', scene.authority.caFile, '--src-insecure']), 0);
    assert.notEqual(await copy(['--dest-insecure']), 0);
    assert.equal(await copy(['--cacert', scene.authority.caFile, '--dest-insecure']), 0);
    assert.equal(await copy(['--src-insecure', '--dest-insecure']), 0);
  });
});

/** gantry uses plain HTTP on loopback unless the reference says otherwise. */
function named({ port }: Pick<Front, 'port'>): string {
  return `https://localhost:${port}/acme/app:v1`;
}

function registryOf({ port }: Pick<Front, 'port'>): string {
  return `localhost:${port}`;
}

async function openScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-tls-'));
  const layout = join(folder, 'layout');
  const [authority] = await Promise.all([createAuthority(folder), saveLayout(image, layout)]);
  const server = await authority.issue('localhost', 'DNS:localhost,IP:127.0.0.1');
  const other = await authority.issue('other', 'DNS:other.example');
  const client = await authority.issue('client', 'DNS:client.example');
  const registry = await startDistribution({ htpasswd });
  const shown = { key: server.key, cert: server.cert };
  return {
    folder,
    layout,
    authority,
    client,
    registry,
    open: await startFront(registry.host, shown),
    guarded: await startFront(registry.host, {
      ...shown,
      ca: authority.ca,
      requestCert: true,
      rejectUnauthorized: true,
    }),
    misnamed: await startFront(registry.host, { key: other.key, cert: other.cert }),
  };
}

async function closeScene({ folder, ...scene }: Scene): Promise<void> {
  for (const part of [scene.open, scene.guarded, scene.misnamed, scene.registry]) {
    await part[Symbol.asyncDispose]();
  }
  await rm(folder, { recursive: true, force: true });
}
