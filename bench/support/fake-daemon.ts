import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { classicImages, type FakeClassicOptions } from './fake-classic.ts';
import { containerdImages } from './fake-containerd.ts';
import { archiveOf, type FakeImages, FakeNames, filesOf } from './fake-images.ts';

/** Settings of a fake daemon. */
export interface FakeDaemonOptions {
  /** @defaultValue 'containerd', as of a new Docker 29 */
  readonly store?: 'containerd' | 'classic';
  /** The form of saved images of a classic store. */
  readonly saved?: Partial<FakeClassicOptions>;
  /**
   * The oldest and the newest version of the API.
   * @defaultValue ['1.44', '1.52'], as of Docker 29
   */
  readonly versions?: readonly [string, string];
  /** Returns docker's words for a load that fails after its status was sent. */
  readonly failLoad?: () => string | undefined;
  /** Returns docker's words for an image that can be saved only in part. */
  readonly failSave?: () => string | undefined;
  /** Awaited before the answer to a request. */
  readonly hold?: (method: string, path: string) => Promise<void> | undefined;
  /** Keeps the bytes of each archive in `tars`. */
  readonly keepTars?: boolean;
  /** Bytes of archives after which the daemon breaks the connection. */
  readonly cutAfter?: number;
  /** The architecture of its machine, as the kernel names it. @defaultValue 'x86_64' */
  readonly machine?: string;
}

/** A daemon that answers like docker, on a socket file. */
export interface FakeDaemon extends AsyncDisposable {
  /** The address for DOCKER_HOST. */
  readonly host: string;
  readonly images: FakeImages;
  readonly names: FakeNames;
  /** The requests so far: `GET /v1.52/info`. */
  readonly requests: string[];
  /** The files of each archive that was loaded as a whole. */
  readonly loads: ReadonlyMap<string, Buffer>[];
  /** The bytes of each archive, if they are kept. */
  readonly tars: Buffer[];
  /** Resolves when a load has broken off, at once if one has before. */
  cut(): Promise<void>;
  /** The bytes of archives that arrived. */
  received: number;
}

interface Asked {
  readonly method: string;
  /** Without the version. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export async function startFakeDaemon(folder: string, options: FakeDaemonOptions = {}): Promise<FakeDaemon> {
  const { store = 'containerd', saved } = options;
  const names = new FakeNames();
  const images =
    store === 'containerd'
      ? containerdImages(names)
      : classicImages(names, { form: 'oci', manifest: 'last', ...saved });
  const socket = join(folder, 'docker.sock');
  const open = new Set<Socket>();
  const cut = milestone();
  const daemon: FakeDaemon = {
    host: `unix://${socket}`,
    images,
    names,
    requests: [],
    loads: [],
    tars: [],
    cut: () => cut.reached,
    received: 0,
    async [Symbol.asyncDispose]() {
      for (const one of open) one.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    answer(daemon, { ...options, onCut: cut.reach }, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(JSON.stringify({ message: String(error) }));
    });
  });
  server.on('connection', (one: Socket) => {
    open.add(one);
    one.once('close', () => open.delete(one));
  });
  server.listen(socket);
  await once(server, 'listening');
  return daemon;
}

interface Milestone {
  readonly reach: () => void;
  readonly reached: Promise<void>;
}

function milestone(): Milestone {
  const found = new EventEmitter();
  const reached = once(found, 'reached').then(() => undefined);
  return { reach: () => void found.emit('reached'), reached };
}

interface Answering extends FakeDaemonOptions {
  readonly onCut: () => void;
}

const at = (version: string): number => Number(version.split('.')[1]);

async function answer(
  daemon: FakeDaemon,
  options: Answering,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '' } = request;
  daemon.requests.push(`${method} ${url}`);
  const { versions: [oldest, newest] = ['1.44', '1.52'] } = options;
  response.setHeader('Api-Version', newest);
  response.setHeader('Server', 'Docker/29.0.0 (linux)');
  const target = new URL(url, 'http://docker');
  const [, version, path = target.pathname] = /^\/v(\d+\.\d+)(\/.*)$/.exec(target.pathname) ?? [];
  await options.hold?.(method, path);
  if (path === '/_ping') return void response.end('OK');
  if (version !== undefined && at(version) < at(oldest))
    return refuse(
      response,
      400,
      `client version ${version} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`,
    );
  if (version !== undefined && at(version) > at(newest))
    return refuse(
      response,
      400,
      `client version ${version} is too new. Maximum supported API version is ${newest}`,
    );
  const asked = { method, path: decodeURIComponent(path), query: target.searchParams };
  if (path === '/info') return json(response, infoOf(options));
  if (method === 'POST' && path === '/images/load') return load(daemon, options, request, response);
  return aboutImage(daemon, options, asked, response);
}

function infoOf({ store = 'containerd', machine = 'x86_64' }: FakeDaemonOptions): object {
  const driver =
    store === 'containerd'
      ? [['driver-type', 'io.containerd.snapshotter.v1']]
      : [['Backing Filesystem', 'extfs']];
  return {
    ID: 'fake',
    Driver: store === 'containerd' ? 'overlayfs' : 'overlay2',
    DriverStatus: driver,
    OSType: 'linux',
    Architecture: machine,
  };
}

async function load(
  daemon: FakeDaemon,
  { failLoad, cutAfter = Number.POSITIVE_INFINITY, keepTars = false, onCut }: Answering,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let files: ReadonlyMap<string, Buffer>;
  const kept: Buffer[] = [];
  try {
    files = await filesOf(counted(request, daemon, { most: cutAfter, kept: keepTars ? kept : undefined }));
    daemon.tars.push(Buffer.concat(kept));
  } catch {
    onCut();
    request.socket.destroy();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  const line = (value: object): void => void response.write(`${JSON.stringify(value)}\r\n`);
  line({ status: 'Loading layer', progressDetail: { current: 1, total: 2 }, id: '0123456789ab' });
  const words = failLoad?.();
  try {
    if (words !== undefined) throw new Error(words);
    for (const name of daemon.images.load(files)) line({ stream: `Loaded image: ${name}\n` });
    daemon.loads.push(files);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    line({ errorDetail: { message }, error: message });
  }
  response.end();
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  daemon: FakeDaemon,
  { most, kept }: { readonly most: number; readonly kept: Buffer[] | undefined },
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    daemon.received += chunk.byteLength;
    kept?.push(Buffer.from(chunk));
    if (daemon.received > most) throw new Error('the daemon ended');
    yield chunk;
  }
}

async function aboutImage(
  daemon: FakeDaemon,
  { failSave }: FakeDaemonOptions,
  { method, path, query }: Asked,
  response: ServerResponse,
): Promise<void> {
  const [, name = '', verb] = /^\/images\/(.+)\/(json|get|tag)$/.exec(path) ?? [];
  const id = daemon.names.find(name.replace(/@sha256:.*/, ''), daemon.images.ids());
  if (id === undefined) return refuse(response, 404, `No such image: ${name}`);
  if (verb === 'json')
    return json(response, { ...daemon.images.describe(id), RepoTags: daemon.names.of(id) });
  if (verb === 'tag' && method === 'POST') {
    daemon.names.set(`${query.get('repo')}:${query.get('tag')}`, id);
    response.writeHead(201).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-tar' });
  const words = failSave?.();
  const files = daemon.images.save(id);
  for await (const chunk of archiveOf(words === undefined ? files : files.slice(0, 1))) {
    if (!response.write(chunk)) await once(response, 'drain');
  }
  // Docker writes its report behind the bytes that have gone out.
  if (words !== undefined)
    response.write(`${JSON.stringify({ errorDetail: { message: words }, error: words })}\r\n`);
  response.end();
}

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}
