import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hash } from 'bcryptjs';
import { createAccess } from '../../src/server/access/access.ts';
import { openHtpasswd } from '../../src/server/access/htpasswd.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { type Ended, needs, output, run } from '../peer.ts';
import { secret } from '../secret.ts';
import { createAuthority } from '../tls/authority.ts';
import { join as joined, portOf } from '../tls/front.ts';
import { folder, gzipLayer, imageOf, partsInLayout, partsOf, saveLayout, tag } from './images.ts';
import { inspect, openPodman } from './podman.ts';

/** The embedded registry with a login: the peers log in, push and pull, by tokens and by Basic, with TLS and without. */

const user = 'someone';
const password = secret('embedded-peers');
const htpasswd = `${user}:${await hash(password, 4)}\n`;
const image = await imageOf('amd64', [await gzipLayer('private')]);

interface Kind {
  readonly name: string;
  readonly tls: boolean;
  /** Whether the registry knows the address that the peers use, and can name a realm. */
  readonly bearer: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'tokens, plain', tls: false, bearer: true },
  { name: 'tokens, over TLS', tls: true, bearer: true },
  { name: 'Basic, plain', tls: false, bearer: false },
  { name: 'Basic, over TLS', tls: true, bearer: false },
];

/** One peer at one registry, with its logins in `home`. */
interface Session {
  readonly host: string;
  readonly home: string;
  readonly plain: boolean;
  readonly certs: string;
}

interface Client {
  readonly name: string;
  login(session: Session, given: string): Promise<Ended>;
  push(session: Session, layout: string, reference: string): Promise<unknown>;
  /** Tells the digests of what it has then. */
  pull(session: Session, reference: string, layout: string): Promise<readonly string[]>;
}

const skopeo: Client = {
  name: 'skopeo',
  login: ({ host, ...session }, given) =>
    run(
      'skopeo',
      ['login', ...skopeoWay(session, ''), authFile(session), '-u', user, '--password-stdin', host],
      {
        input: given,
      },
    ),
  push: (session, layout, reference) =>
    output('skopeo', [
      ...skopeoCopy,
      ...skopeoWay(session, 'dest-'),
      `--dest-${authFile(session).slice(2)}`,
      `oci:${layout}:${tag}`,
      `docker://${reference}`,
    ]),
  async pull(session, reference, layout) {
    await output('skopeo', [
      ...skopeoCopy,
      ...skopeoWay(session, 'src-'),
      `--src-${authFile(session).slice(2)}`,
      `docker://${reference}`,
      `oci:${layout}:${tag}`,
    ]);
    return (await partsInLayout(layout)).blobs;
  },
};

const skopeoCopy = ['copy', '--insecure-policy', '--all', '--preserve-digests'];

function skopeoWay({ plain, certs }: Pick<Session, 'plain' | 'certs'>, side: string): readonly string[] {
  return plain ? [`--${side}tls-verify=false`] : [`--${side}cert-dir=${certs}`];
}

function authFile({ home }: Pick<Session, 'home'>): string {
  return `--authfile=${join(home, 'config.json')}`;
}

const crane: Client = {
  name: 'crane',
  login: ({ host, home, certs }, given) =>
    run('crane', ['auth', 'login', host, '-u', user, '--password-stdin'], {
      env: craneEnv(home, certs),
      input: given,
    }),
  push: ({ home, certs }, layout, reference) =>
    output('crane', ['push', layout, reference], { env: craneEnv(home, certs) }),
  async pull({ home, certs }, reference, layout) {
    await output('crane', ['pull', '--format=oci', reference, layout], { env: craneEnv(home, certs) });
    return (await partsInLayout(layout)).blobs;
  },
};

/** It trusts what Go trusts. */
function craneEnv(home: string, certs: string): NodeJS.ProcessEnv {
  return { DOCKER_CONFIG: home, SSL_CERT_FILE: join(certs, 'ca.crt') };
}

const oras: Client = {
  name: 'oras',
  login: ({ host, home, plain, certs }, given) =>
    run('oras', ['login', ...orasWay('', { plain, certs }), host, '-u', user, '--password-stdin'], {
      env: { DOCKER_CONFIG: home },
      input: given,
    }),
  push: ({ home, ...session }, layout, reference) =>
    output('oras', ['cp', '--from-oci-layout', `${layout}:${tag}`, ...orasWay('to-', session), reference], {
      env: { DOCKER_CONFIG: home },
    }),
  async pull({ home, ...session }, reference, layout) {
    const to = ['--to-oci-layout', `${layout}:${tag}`];
    await output('oras', ['cp', ...orasWay('from-', session), reference, ...to], {
      env: { DOCKER_CONFIG: home },
    });
    return (await partsInLayout(layout)).blobs;
  },
};

function orasWay(side: string, { plain, certs }: Pick<Session, 'plain' | 'certs'>): readonly string[] {
  return plain ? [`--${side}plain-http`] : [`--${side}ca-file`, join(certs, 'ca.crt')];
}

const podman: Client = {
  name: 'podman',
  async login({ host, ...session }, given) {
    await using podman = await openPodman();
    try {
      const stdout = await podman(
        'login',
        ...skopeoWay(session, ''),
        authFile(session),
        '-u',
        user,
        '-p',
        given,
        host,
      );
      return { code: 0, stdout, stderr: '' };
    } catch (error) {
      return { code: 1, stdout: '', stderr: error instanceof Error ? error.message : '' };
    }
  },
  async push(session, layout, reference) {
    await using podman = await openPodman();
    // podman makes a name of the path, and names have no capitals.
    const path = join(tmpdir(), `gantry-layout-${crypto.randomUUID()}`);
    await cp(layout, path, { recursive: true });
    const id = (await podman('pull', '-q', `oci:${path}:${tag}`)).trim();
    await rm(path, { recursive: true });
    await podman('push', '-q', ...skopeoWay(session, ''), authFile(session), id, reference);
  },
  // It unpacks what it pulls: of an image it keeps no more than the config as it was.
  async pull(session, reference) {
    await using podman = await openPodman();
    await podman('pull', '-q', ...skopeoWay(session, ''), authFile(session), reference);
    return [(await inspect(podman, reference)).config];
  },
};

interface Guarded extends AsyncDisposable {
  readonly host: string;
  /** A folder as docker and podman have it for the certificates of a registry. */
  readonly certs: string;
}

async function startGuarded({ tls, bearer }: Kind): Promise<Guarded> {
  const home = await mkdtemp(join(tmpdir(), 'gantry-guarded-'));
  const certs = join(home, 'certs');
  await mkdir(certs);
  const authority = await createAuthority(home);
  const { cert, key } = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  await copyFile(authority.caFile, join(certs, 'ca.crt'));
  const access = createAccess({ login: await openHtpasswd(async () => htpasswd) });
  const registry = await startRegistry({ access, ...(tls ? { tls: { cert, key } } : {}) });
  // Behind a port that is not its own, as that of a container, it can't tell its address.
  const front = bearer ? undefined : await startForwarding(registry.host);
  return {
    host: front?.host ?? registry.host,
    certs,
    async [Symbol.asyncDispose]() {
      await front?.[Symbol.asyncDispose]();
      await registry.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function startForwarding(to: string): Promise<AsyncDisposable & { readonly host: string }> {
  const open = new Set<Socket>();
  const server = createServer((socket) =>
    joined(socket, connect(Number(to.split(':')[1]), '127.0.0.1'), open),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${portOf(server.address())}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

const tools = needs('skopeo', 'crane', 'oras', 'podman', 'openssl');

for (const kind of kinds) {
  describe(`the embedded registry with a login: ${kind.name}`, tools, () => {
    let guarded: Guarded;
    before(async () => {
      guarded = await startGuarded(kind);
    });
    after(() => guarded[Symbol.asyncDispose]());

    it(`asks for ${kind.bearer ? 'a token' : 'a password'}`, async () => {
      if (kind.tls) return;
      const { headers } = await fetch(`http://${guarded.host}/v2/`);
      assert.match(headers.get('www-authenticate') ?? '', kind.bearer ? /^Bearer / : /^Basic /);
    });

    for (const client of [skopeo, crane, oras, podman]) {
      it(`${client.name} logs in, pushes and pulls, and not with a wrong password`, async (test) => {
        const home = await folder(test);
        const layout = join(home, 'layout');
        await saveLayout(image, layout);
        const session = { ...guarded, home, plain: !kind.tls };
        const reference = `${guarded.host}/private/${client.name}:1`;
        // crane keeps whatever it is given, and finds out later.
        const wrong = await client.login(session, secret('embedded-wrong'));
        if (wrong.code === 0) await assert.rejects(client.push(session, layout, reference));
        const { code, stderr } = await client.login(session, password);
        assert.equal(code, 0, stderr);
        await client.push(session, layout, reference);
        const [wanted, { body }] = [await partsOf(image), await image.manifest()];
        const pulled = await client.pull(session, reference, join(home, 'pulled'));
        assert.ok(pulled.includes(body.config.digest));
        assert.deepEqual(
          pulled.filter((digest) => !wanted.blobs.includes(digest)),
          [],
        );
      });
    }
  });
}
