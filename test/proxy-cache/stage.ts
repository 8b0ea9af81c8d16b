import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { createLine } from '../../src/http/line.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import {
  createPullThrough,
  type PullThrough,
  type PullThroughOptions,
} from '../../src/pull-through/registry.ts';
import type { UpstreamFailure } from '../../src/pull-through/upstream.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import { type RecordedRequest, recording } from '../../src/testing/recorded.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import type { Middleware, Send } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';

/** A server over a cache over a client over an upstream, and the requests to the upstream. */

export interface CacheOptions extends Omit<PullThroughOptions, 'onFailure'> {
  /** Changes around the upstream. */
  readonly upstream?: Middleware;
  /** Wraps the line between the client in the cache and the upstream. Default: no retries. */
  readonly line?: (send: Send) => Send;
  readonly cache?: Registry;
  /** The number of attempts for a blob that breaks off. Default 1: no further attempt. */
  readonly attempts?: number;
}

export interface CacheStage {
  /** The place behind the upstream, to fill. */
  readonly place: Registry;
  readonly cache: Registry;
  readonly through: PullThrough;
  readonly failures: readonly UpstreamFailure[];
  readonly ask: (line: string, options?: AskOptions) => Promise<Answer>;
  /** Sends like `ask`, and leaves the body unread. */
  readonly send: Send;
  /** Returns the requests to the upstream since the last call, such as `GET blob.get`. */
  readonly taken: () => readonly string[];
  readonly requests: readonly RecordedRequest[];
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly text: string;
  readonly bytes: Buffer;
  /** The code of an error. */
  readonly code: string | undefined;
}

/** Makes a stage in one process, without sockets. */
export function cacheStage(test: TestContext, options: CacheOptions = {}): CacheStage {
  const place = createMemoryRegistry();
  const requests: RecordedRequest[] = [];
  const { upstream = (next) => next, line = (send) => send } = options;
  const send = line(recording(requests)(upstream(createApp(place))));
  return assemble(test, options, { place, requests, base: 'http://upstream.test', send });
}

/** Makes a stage with a real connection to the upstream and the cache on disk. */
export async function connectedStage(test: TestContext, options: CacheOptions = {}): Promise<CacheStage> {
  const registry = await startRegistry({
    ...(options.upstream && { faults: [{ effect: options.upstream, times: 'always' }] }),
  });
  const transport = createNodeTransport();
  const cache = options.cache ?? (await diskCache(test));
  atEnd(test, async () => {
    await transport.close();
    await registry.close();
  });
  const line = options.line ?? ((send) => createLine({ transport: send, retry: { attempts: 1 } }));
  const { registry: place, requests, url: base } = registry;
  return assemble(test, { ...options, cache }, { place, requests, base, send: line(transport.send) });
}

export async function diskCache(test: TestContext): Promise<Registry> {
  const path = await mkdtemp(join(tmpdir(), 'gantry-cache-'));
  atEnd(test, () => rm(path, { recursive: true, force: true }));
  const registry = await openDiskRegistry(path);
  atEnd(test, () => registry[Symbol.asyncDispose]());
  return registry;
}

interface Upstream {
  readonly place: Registry;
  readonly requests: readonly RecordedRequest[];
  readonly base: string;
  readonly send: Send;
}

function assemble(
  test: TestContext,
  { cache = createMemoryRegistry(), attempts = 1, upstream: __, line: ___, ...options }: CacheOptions,
  { place, requests, base, send }: Upstream,
): CacheStage {
  const failures: UpstreamFailure[] = [];
  const download = { retry: { attempts, initial: 0 } };
  const upstream = createRemoteRegistry({ base, send, registry: 'upstream.test', download });
  const through = createPullThrough(upstream, cache, {
    ...options,
    onFailure: (failure) => failures.push(failure),
  });
  atEnd(test, () => through[Symbol.asyncDispose]());
  const app = createApp(through);
  let seen = 0;
  return {
    place,
    cache,
    through,
    failures,
    send: app,
    requests,
    async ask(line, { headers = {}, signal } = {}) {
      const [method = '', url = ''] = line.split(' ');
      const lines = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
      const answer = await app({ method, url, headers: lines, replay: 'never', ...(signal && { signal }) });
      return read(answer);
    },
    taken() {
      const fresh = requests.slice(seen);
      seen = requests.length;
      return fresh.map(({ method, operation }) => `${method} ${operation?.kind}`);
    },
  };
}

async function read({ status, headers, body }: Awaited<ReturnType<Send>>): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(new Uint8Array(chunk));
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  return { status, headers, text, bytes, code: /^\{"errors":\[\{"code":"(\w+)"/.exec(text)?.[1] };
}
