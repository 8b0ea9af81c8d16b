import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash } from 'bcryptjs';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { openHtpasswd } from '../../src/server/access/htpasswd.ts';
import type { Registry } from '../../src/store/contract.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { secret } from '../secret.ts';
import { createAuthority } from '../tls/authority.ts';
import { join as joined } from '../tls/front.ts';

/** The embedded registry in one setting: a store, open or with a login, with TLS or without. */

export interface Setting {
  readonly name: string;
  readonly store: 'memory' | 'disk';
  /** The login that it demands. Basic remains if the registry cannot tell the address that clients use. */
  readonly login: 'none' | 'tokens' | 'Basic';
  readonly tls: boolean;
}

/** Each store open, with a login, and with a login over TLS; together each kind of login with TLS and without. */
export const settings: readonly Setting[] = [
  { name: 'memory, open', store: 'memory', login: 'none', tls: false },
  { name: 'disk, open', store: 'disk', login: 'none', tls: false },
  { name: 'memory, Basic', store: 'memory', login: 'Basic', tls: false },
  { name: 'disk, tokens', store: 'disk', login: 'tokens', tls: false },
  { name: 'memory, tokens over TLS', store: 'memory', login: 'tokens', tls: true },
  { name: 'disk, Basic over TLS', store: 'disk', login: 'Basic', tls: true },
];

export const user = 'someone';
export const password: string = secret('embedded-peers');
const htpasswd = `${user}:${await hash(password, 4)}\n`;

/** The authority that the peers trust, and the registry's certificate. */
export interface Trust extends AsyncDisposable {
  readonly caFile: string;
  /** A folder in the form of docker and podman for the certificates of a registry. */
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
}

export async function createTrust(): Promise<Trust> {
  const home = await mkdtemp(join(tmpdir(), 'gantry-trust-'));
  const authority = await createAuthority(home);
  const { cert, key } = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  const folder = join(home, 'certs');
  await mkdir(folder);
  await copyFile(authority.caFile, join(folder, 'ca.crt'));
  return {
    caFile: authority.caFile,
    folder,
    cert,
    key,
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

export interface Embedded extends AsyncDisposable {
  /** `127.0.0.1:40000` */
  readonly host: string;
  /** The place behind the registry, to fill and to inspect. */
  readonly registry: Registry;
}

export async function startEmbedded(
  { store, login, tls }: Setting,
  { cert, key }: Pick<Trust, 'cert' | 'key'>,
): Promise<Embedded> {
  const place = store === 'disk' ? await openOnDisk() : inMemory();
  const access = createAccess({ login: await openHtpasswd(async () => htpasswd) });
  const served = await startRegistry({
    registry: place.registry,
    ...(login === 'none' ? {} : { access }),
    ...(tls ? { tls: { cert, key } } : {}),
  });
  // Behind a port that is not its own, as in a container, it cannot tell its address.
  const front = login === 'Basic' ? await startForwarding(served.host) : undefined;
  return {
    host: front?.host ?? served.host,
    registry: place.registry,
    async [Symbol.asyncDispose]() {
      await front?.[Symbol.asyncDispose]();
      await served.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

interface Place extends AsyncDisposable {
  readonly registry: Registry;
}

function inMemory(): Place {
  return { registry: createMemoryRegistry(), [Symbol.asyncDispose]: async () => undefined };
}

async function openOnDisk(): Promise<Place> {
  const home = await mkdtemp(join(tmpdir(), 'gantry-embedded-'));
  const registry = await openDiskRegistry(join(home, 'store'));
  return {
    registry,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function startForwarding(to: string): Promise<AsyncDisposable & { readonly host: string }> {
  const open = new Set<Socket>();
  const server = createServer((socket) =>
    joined(socket, connect(Number(to.split(':')[1]), '127.0.0.1'), open),
  );
  return {
    host: `127.0.0.1:${await listenAnywhere(server)}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
