import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { createAuthorize } from '../../src/auth/authorize.ts';
import { createLine } from '../../src/http/line.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { plainFallback } from '../../src/http/plain-fallback.ts';
import { userAgent } from '../../src/http/user-agent.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import type { Repository } from '../../src/store/contract.ts';
import { atEnd } from '../at-end.ts';

/** Counts the calls of the constructor `URL` in this process until the end of the test. */
function countParses(test: TestContext): () => number {
  const { URL: original } = globalThis;
  let count = 0;
  class CountedURL extends original {
    constructor(url: string | URL, base?: string | URL) {
      super(url, base);
      count++;
    }
  }
  globalThis.URL = CountedURL;
  atEnd(test, () => {
    globalThis.URL = original;
  });
  return () => count;
}

const digest = `sha256:${'0'.repeat(64)}`;

interface Server {
  readonly base: string;
  requests(): number;
  /** Answers the next request with 502. */
  refuseNext(): void;
}

/** Starts a server that has every manifest, and parses no URL. */
async function startServer(test: TestContext): Promise<Server> {
  let refuses = false;
  let requests = 0;
  const server = createServer((_, response) => {
    const headers = {
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'content-length': '2',
      'docker-content-digest': digest,
    };
    if (refuses) response.writeHead(502);
    else response.writeHead(200, headers);
    requests++;
    refuses = false;
    response.end();
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
  const common = { transport: plainFallback(() => false)(userAgent('test')(send)), home: base };
  const login = { registry: host, origin: base, keychain: async () => undefined };
  const authorize = createAuthorize({ ...login, send: createLine(common) });
  const line = createLine({ ...common, authorize, observe: ignore, retry: { initial: 1 } });
  return createRemoteRegistry({ base, send: line }).repository('app', { actions: ['pull', 'push'] });
}

describe('the URL of a request', () => {
  it('the client parses the URL of a request once, and not again for its retry', async (test) => {
    const server = await startServer(test);
    const { manifests } = openRepository(server.base);
    await manifests.resolve('1');
    const parses = countParses(test);
    await manifests.resolve('1');
    assert.equal(parses(), 1);
    server.refuseNext();
    await manifests.resolve('1');
    assert.equal(parses(), 2);
    assert.equal(server.requests(), 4);
  });
});
