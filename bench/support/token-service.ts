import { createPrivateKey, type KeyObject, randomUUID, sign, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { listenAnywhere } from './listen.ts';
import { output } from './programs.ts';

/** A request to the service. */
export interface Asked {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly scopes: readonly string[];
  /** The grant of a POST. */
  readonly grant: string | undefined;
}

export interface TokenService extends AsyncDisposable {
  /** The settings for a registry's configuration. */
  readonly settings: Readonly<Record<'realm' | 'service' | 'issuer' | 'rootcertbundle', string>>;
  readonly asked: readonly Asked[];
  /** `127.0.0.1:1234`. After `serve` the service also forwards requests to a registry there. */
  readonly host: string;
  /**
   * Forwards the requests for the registry at `host`, too: crane refuses a realm on loopback unless the registry is at
   * the same port.
   */
  serve(host: string): void;
}

interface ServiceOptions {
  readonly user: string;
  readonly password: string;
  /** The token that a POST exchanges for all rights of the user. */
  readonly refreshToken: string;
  /** The life of each token in seconds. Default 300. */
  readonly life?: number;
  /** Receives the key that signs the tokens, as PEM. */
  readonly onKey?: (pem: string) => void;
  /** Returns the id of the next token. Default: a random one. */
  readonly tokenId?: () => string;
}

const service = 'gantry tests';
const issuer = 'gantry test tokens';

/**
 * Starts a token service in the form of distribution's specification: the user has all rights, and anybody may pull
 * repositories below `public/`. A key signs the tokens, and `openssl` makes its certificate.
 * @see https://distribution.github.io/distribution/spec/auth/jwt/
 */
export async function startTokenService(options: ServiceOptions): Promise<TokenService> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-tokens-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const names = ['-subj', '/CN=gantry tests', '-keyout', key, '-out', certificate];
  await output('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...names]);
  const pem = await readFile(key, 'utf8');
  options.onKey?.(pem);
  const signer: Signer = {
    key: createPrivateKey(pem),
    chain: [new X509Certificate(await readFile(certificate)).raw.toString('base64')],
  };
  const asked: Asked[] = [];
  let registry: string | undefined;
  const server = createServer((from, to) => {
    if (registry !== undefined && from.url?.startsWith('/v2/')) passOn(registry, from, to);
    else void answer(from, to, { options, signer, asked });
  });
  const port = await listenAnywhere(server);
  return {
    host: `127.0.0.1:${port}`,
    serve(host) {
      registry = host;
    },
    settings: { realm: `http://127.0.0.1:${port}/token`, service, issuer, rootcertbundle: certificate },
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Forwards a request with its original host name, from which the registry builds its addresses. */
function passOn(host: string, from: IncomingMessage, to: ServerResponse): void {
  const [hostname, port] = host.split(':');
  const onward = request(
    { hostname, port, method: from.method, path: from.url, headers: from.headers, agent: false },
    (answered) => {
      to.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(to);
    },
  );
  onward.on('error', () => to.destroy());
  from.pipe(onward);
}

interface Signer {
  readonly key: KeyObject;
  readonly chain: readonly string[];
}

interface Desk {
  readonly options: ServiceOptions;
  readonly signer: Signer;
  readonly asked: Asked[];
}

async function answer(from: IncomingMessage, to: ServerResponse, desk: Desk): Promise<void> {
  const { options, asked } = desk;
  const form = new URLSearchParams(await text(from));
  const url = new URL(from.url ?? '/', 'http://service');
  const { authorization } = from.headers;
  const isPost = from.method === 'POST';
  const scopes = isPost ? (form.get('scope') ?? '').split(' ') : url.searchParams.getAll('scope');
  asked.push({
    method: from.method ?? '',
    authorization,
    scopes: scopes.filter((scope) => scope !== ''),
    grant: form.get('grant_type') ?? undefined,
  });
  const basic = `Basic ${Buffer.from(`${options.user}:${options.password}`).toString('base64')}`;
  const isUser = isPost ? form.get('refresh_token') === options.refreshToken : authorization === basic;
  if (!isUser && (isPost || authorization !== undefined)) {
    to.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    return;
  }
  const life = options.life ?? 300;
  const granted = scopes.flatMap((scope) => grant(scope, isUser));
  const token = signed(granted, life, { ...desk.signer, id: options.tokenId?.() ?? randomUUID() });
  to.writeHead(200, { 'content-type': 'application/json' });
  to.end(JSON.stringify({ [isPost ? 'access_token' : 'token']: token, expires_in: life }));
}

interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** Grants the permitted part of a scope. A request for more is no failure. */
function grant(scope: string, isUser: boolean): readonly Grant[] {
  const [, type = '', name = '', actions = ''] = /^([^:]+):(.+):([^:]+)$/.exec(scope) ?? [];
  if (isUser) return [{ type, name, actions: actions.split(',') }];
  return name.startsWith('public/') ? [{ type, name, actions: ['pull'] }] : [];
}

function signed(access: readonly Grant[], life: number, { key, chain, id }: Signer & { id: string }): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    sub: 'someone',
    aud: service,
    exp: now + life,
    nbf: now - 5,
    iat: now,
    jti: id,
    access,
  };
  const content = `${encode({ typ: 'JWT', alg: 'RS256', x5c: chain })}.${encode(claims)}`;
  return `${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
