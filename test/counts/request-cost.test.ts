import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { createAuthorize } from '../../src/auth/authorize.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createLine } from '../../src/http/line.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { plainFallback } from '../../src/http/plain-fallback.ts';
import { userAgent } from '../../src/http/user-agent.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import type { Repository } from '../../src/store/contract.ts';
import { createSecrets } from '../../src/wire/secrets.ts';
import { atEnd } from '../at-end.ts';

/** The work of this process since the counting began. */
interface Cost {
  readonly urls: number;
  readonly controllers: number;
  readonly timers: number;
}

/** Counts parsed URLs, AbortControllers and timers of this process until the end of the test. */
function countCost(test: TestContext): () => Cost {
  const { URL, AbortController, setTimeout } = globalThis;
  const cost = { urls: 0, controllers: 0, timers: 0 };
  globalThis.URL = class extends URL {
    constructor(url: string | URL, base?: string | URL) {
      super(url, base);
      cost.urls++;
    }
  };
  globalThis.AbortController = class extends AbortController {
    constructor() {
      super();
      cost.controllers++;
    }
  };
  const counted = (...args: Parameters<typeof setTimeout>): NodeJS.Timeout => {
    cost.timers++;
    return setTimeout(...args);
  };
  globalThis.setTimeout = Object.assign(counted, setTimeout);
  atEnd(test, () => {
    Object.assign(globalThis, { URL, AbortController, setTimeout });
  });
  return () => ({ ...cost });
}

const digest = `sha256:${'0'.repeat(64)}`;

const manifestHeaders = {
  'content-type': 'application/vnd.oci.image.manifest.v1+json',
  'content-length': '2',
  'docker-content-digest': digest,
};

interface Server {
  readonly base: string;
  requests(): number;
  /** Answers the next request with 502. */
  refuseNext(): void;
}

/** Starts a server that has every manifest and takes every upload, and that parses no URL. */
async function startServer(test: TestContext): Promise<Server> {
  let refuses = false;
  let requests = 0;
  const answer = ({ method }: IncomingMessage, response: ServerResponse): void => {
    const empty = { 'content-length': '0' };
    const session = { ...empty, location: '/v2/app/blobs/uploads/1?_state=a' };
    if (refuses) response.writeHead(502, empty);
    else if (method === 'POST') response.writeHead(202, session);
    else if (method === 'PUT') response.writeHead(201, empty);
    else response.writeHead(200, manifestHeaders);
    refuses = false;
    response.end();
  };
  const server = createServer((request, response) => {
    requests++;
    request.resume().once('end', () => answer(request, response));
  });
  atEnd(test, () => server.closeAllConnections());
  atEnd(test, () => server.close());
  return {
    base: `http://127.0.0.1:${await listenAnywhere(server)}`,
    requests: () => requests,
    refuseNext() {
      refuses = true;
    },
  };
}

const ignore = (): void => undefined;

/** Opens a repository with every step that a client puts before its transport. */
function openRepository(base: string): Repository {
  const { host } = new URL(base);
  const { send } = createNodeTransport();
  const common = {
    transport: plainFallback(() => false)(userAgent('test')(send)),
    home: base,
    secrets: createSecrets(),
  };
  const login = { registry: host, origin: base, keychain: async () => undefined, secrets: common.secrets };
  const authorize = createAuthorize({ ...login, send: createLine(common) });
  const line = createLine({ ...common, authorize, observe: ignore, retry: { initial: 1 } });
  return createRemoteRegistry({ base, send: line }).repository('app', { actions: ['pull', 'push'] });
}

describe('the cost of a request', () => {
  it('a question takes one parsed URL, one AbortController and two timers', async (test) => {
    const server = await startServer(test);
    const { manifests } = openRepository(server.base);
    await manifests.resolve('1');
    const cost = countCost(test);
    await manifests.resolve('1');
    assert.deepEqual(cost(), { urls: 1, controllers: 1, timers: 2 });
  });

  it('the client parses the URL of a request once, and not again for its retry', async (test) => {
    const server = await startServer(test);
    const { manifests } = openRepository(server.base);
    await manifests.resolve('1');
    const cost = countCost(test);
    server.refuseNext();
    await manifests.resolve('1');
    assert.equal(cost().urls, 1);
    assert.equal(server.requests(), 3);
  });

  it('an upload takes two parsed URLs, four AbortControllers and six timers', async (test) => {
    const server = await startServer(test);
    const { blobs } = openRepository(server.base);
    const session = await blobs.start();
    const content = bytesContent(new Uint8Array(1000));
    const blob = digestOf(new Uint8Array(1000));
    await session.commit(blob, content);
    const cost = countCost(test);
    await (await blobs.start()).commit(blob, content);
    assert.deepEqual(cost(), { urls: 2, controllers: 4, timers: 6 });
    assert.equal(server.requests(), 4);
  });
});
