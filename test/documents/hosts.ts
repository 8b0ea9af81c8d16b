import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type Server, type Socket } from 'node:net';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { createAccess } from '../../src/server/index.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/index.ts';
import { secret } from '../secret.ts';
import type { Authority } from '../tls/authority.ts';
import { join } from '../tls/front.ts';

/** The password of the user `me` in the examples. */
export const password: string = secret('document-password');

/** The hosts of the documents: every name that a program requests from the proxy is a registry of this process. */
export interface Hosts extends AsyncDisposable {
  /** The URL of the proxy, for `HTTPS_PROXY`. */
  readonly proxy: string;
  /** Returns the registry behind a name. It starts empty, with TLS, at the first request for it. */
  registry(name: string): Promise<TestRegistry>;
}

/** Starts the proxy. `ghcr.io` in a document is then `ghcr.io` on the wire, with a certificate of `authority`. */
export async function startHosts(authority: Authority): Promise<Hosts> {
  const registries = new Map<string, Promise<TestRegistry>>();
  const registry = (name: string): Promise<TestRegistry> => {
    const started = registries.get(name) ?? startNamed(name, authority);
    registries.set(name, started);
    return started;
  };
  const open = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on('connect', (request, socket: Socket) => {
    const { hostname } = new URL(`https://${request.url}`);
    registry(hostname).then(
      ({ host }) => tunnel(socket, host, open),
      () => socket.destroy(),
    );
  });
  const port = await listenAnywhere(server);
  return {
    proxy: `http://127.0.0.1:${port}`,
    registry,
    async [Symbol.asyncDispose]() {
      await closeAll(server, open);
      for (const one of registries.values()) await (await one).close();
    },
  };
}

async function startNamed(name: string, authority: Authority): Promise<TestRegistry> {
  const { cert, key } = await authority.issue(name, `DNS:${name}`);
  const access = createAccess({
    login: {
      find: async (user) => (user === 'me' ? { name: user, stamp: '' } : undefined),
      check: async (user, given) => user === 'me' && given === password,
    },
    // Anonymous clients may do everything, and a user can log in, too.
    rules: async () => [{ repositories: ['**'], anonymous: true, allow: ['pull', 'push', 'delete'] }],
    publicUrl: `https://${name}`,
  });
  return startRegistry({ tls: { cert, key }, hosts: [name], access });
}

function tunnel(socket: Socket, host: string, open: Set<Socket>): void {
  const { hostname, port } = new URL(`https://${host}`);
  const through = net.connect(Number(port), hostname, () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    join(socket, through, open);
  });
  through.once('error', () => socket.destroy());
}

/** A port that stays the same while the server behind it changes. */
export interface Forward extends AsyncDisposable {
  readonly port: number;
  /** The port of the server behind it, for new connections. */
  target: number;
}

export async function startForward(target: number): Promise<Forward> {
  const open = new Set<Socket>();
  const server = net.createServer((socket) => {
    join(socket, net.connect(forward.target, '127.0.0.1'), open);
  });
  const forward = {
    port: await listenAnywhere(server),
    target,
    [Symbol.asyncDispose]: () => closeAll(server, open),
  };
  return forward;
}

async function closeAll(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  server.close();
  for (const socket of open) socket.destroy();
  await once(server, 'close');
}
