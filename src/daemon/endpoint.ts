import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { InputError, UnsupportedError } from '../errors.ts';
import type { TlsOptions } from '../http/node/tls.ts';
import { dockerConfigFile, readConfigFile } from '../keychain/config-file.ts';
import { parseUrl } from '../spec/url.ts';
import { redactUrl } from '../wire/redact.ts';
import { readCertificates } from './certificates.ts';
import { type DockerContext, readContext } from './context.ts';

/** The way to a docker daemon. */
export interface Endpoint {
  /** The address as in DOCKER_HOST, for messages. */
  readonly host: string;
  /** The setting that the address comes from, for messages. */
  readonly setting: string;
  /** The socket file or the named pipe; undefined for TCP. */
  readonly socket?: string | undefined;
  /** The URL of the API, without a slash at its end. */
  readonly base: string;
  /** The certificates for TLS. */
  readonly tls?: TlsOptions | undefined;
}

/** The surroundings that decide where the daemon is. */
export interface EndpointOptions {
  /** The address as in DOCKER_HOST, before every other setting. */
  readonly host?: string | undefined;
  /** @defaultValue `process.env` */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** @defaultValue `process.platform` */
  readonly system?: NodeJS.Platform | undefined;
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly system: NodeJS.Platform;
}

/**
 * Finds the daemon as the command `docker` does: the given address, DOCKER_HOST, the context of DOCKER_CONTEXT or of docker's
 * config file, and then the first default socket that exists: docker's, and those of Docker Desktop, rootless docker and podman.
 * @throws INVALID_OPTION for a malformed address or a context that does not exist
 * @throws UNSUPPORTED for an address that gantry cannot connect to, such as `ssh://`
 */
export async function findEndpoint({
  host,
  env = process.env,
  system = process.platform,
}: EndpointOptions = {}): Promise<Endpoint> {
  const around = { env, system };
  if (host !== undefined) return fromEnvironment(host, 'the given address', around);
  if (env['DOCKER_HOST']) return fromEnvironment(env['DOCKER_HOST'], 'DOCKER_HOST', around);
  const config = dockerConfigFile({ env });
  const name = env['DOCKER_CONTEXT'] || (await currentContext(config));
  if (name === undefined || name === 'default') return defaultEndpoint(around);
  return fromContext(await readContext(dirname(config), name), around);
}

async function currentContext(config: string): Promise<string | undefined> {
  const name = (await readConfigFile(config))?.document['currentContext'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function fromContext({ name, host, tls }: DockerContext, { system }: Surroundings): Endpoint {
  return parseEndpoint(host, `the docker context "${name}"`, { system, tls });
}

/** Parses an address, with the certificates that DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH choose. */
async function fromEnvironment(
  host: string,
  setting: string,
  { env, system }: Surroundings,
): Promise<Endpoint> {
  const isVerified = Boolean(env['DOCKER_TLS_VERIFY']);
  const isSecure = isVerified || Boolean(env['DOCKER_TLS']);
  if (!isSecure || !/^(?:tcp|https?):/.test(host)) return parseEndpoint(host, setting, { system });
  const folder = env['DOCKER_CERT_PATH'] || dirname(dockerConfigFile({ env }));
  const tls = await readCertificates(folder);
  return parseEndpoint(host, setting, {
    system,
    tls: isVerified ? tls : { ...tls, rejectUnauthorized: false },
  });
}

interface ParseEndpointOptions {
  readonly system: NodeJS.Platform;
  readonly tls?: TlsOptions | undefined;
}

/** The host in the URLs for a socket, as docker itself writes it. The server takes any. */
const localBase = 'http://docker';

/**
 * Parses an address as in DOCKER_HOST.
 * @throws INVALID_OPTION for a malformed one
 * @throws UNSUPPORTED for one that gantry cannot connect to
 */
function parseEndpoint(host: string, setting: string, { system, tls }: ParseEndpointOptions): Endpoint {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(host) ?? [];
  switch (scheme) {
    case 'unix':
      if (rest === '' || rest.includes('\0')) throw malformed(host, setting);
      return { host, setting, socket: rest, base: localBase };
    case 'npipe':
      if (system !== 'win32') throw unsupported(host, setting, 'only Windows has named pipes');
      return { host, setting, socket: rest.replaceAll('/', '\\'), base: localBase };
    case 'tcp':
    case 'http':
    case 'https':
      return overTcp(host, { setting, scheme, rest, tls });
    case 'ssh':
      throw unsupported(
        host,
        setting,
        'forward its socket instead: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST, and set DOCKER_HOST=unix:///tmp/docker.sock',
      );
    default:
      throw malformed(host, setting);
  }
}

interface OverTcp {
  readonly setting: string;
  readonly scheme: string;
  readonly rest: string;
  readonly tls: TlsOptions | undefined;
}

/** The ports of docker without and with TLS. */
const ports = { http: 2375, https: 2376 };

function overTcp(host: string, { setting, scheme, rest, tls }: OverTcp): Endpoint {
  const secure = tls === undefined && scheme !== 'https' ? 'http' : 'https';
  const url = parseUrl(`${secure}://${rest}`);
  // A port that is the default one of the scheme is no longer visible in the URL.
  const hasPort = /^(?:\[[^\]]*\]|[^/:]*):\d+/.test(rest);
  if (
    url === undefined ||
    url.hostname === '' ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== ''
  )
    throw malformed(host, setting);
  const port = hasPort ? url.port : String(ports[secure]);
  const authority = port === '' ? url.hostname : `${url.hostname}:${port}`;
  return { host, setting, base: `${secure}://${authority}${url.pathname.replace(/\/$/, '')}`, tls };
}

/**
 * Returns the first default socket that exists, or else docker's own, which the error then names. Another user's socket exists,
 * too: the error says that it is not permitted.
 */
async function defaultEndpoint({ env, system }: Surroundings): Promise<Endpoint> {
  const setting = 'the default address';
  if (system === 'win32') return parseEndpoint('npipe:////./pipe/docker_engine', setting, { system });
  const sockets = defaultSockets(env);
  for (const path of sockets) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isSocket() === true) return parseEndpoint(`unix://${path}`, setting, { system });
  }
  return parseEndpoint(`unix://${sockets[0] ?? ''}`, setting, { system });
}

function defaultSockets(env: NodeJS.ProcessEnv): readonly string[] {
  const home = env['HOME'] || homedir();
  const runtime = env['XDG_RUNTIME_DIR'];
  const own = (path: string): readonly string[] => (runtime ? [join(runtime, path)] : []);
  return [
    '/var/run/docker.sock',
    ...own('docker.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    ...own('podman/podman.sock'),
    '/run/podman/podman.sock',
  ];
}

function malformed(host: string, setting: string): InputError {
  return new InputError(
    'INVALID_OPTION',
    `${setting} is "${shown(host)}", which is no address of a docker daemon: unix:///PATH, or tcp://HOST:PORT`,
  );
}

function unsupported(host: string, setting: string, advice: string): UnsupportedError {
  return new UnsupportedError(
    'docker daemon',
    `${setting} is "${shown(host)}", and gantry cannot connect to that: ${advice}`,
  );
}

/** Hides a user and a password, and shortens the text. */
function shown(host: string): string {
  const safe = redactUrl(host);
  return safe.length > 200 ? `${safe.slice(0, 200)}…` : safe;
}
