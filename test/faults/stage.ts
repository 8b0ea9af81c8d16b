import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { createConnections } from '../../src/client/connections.ts';
import type { RetryOptions } from '../../src/http/backoff.ts';
import type { TimeoutOptions } from '../../src/http/timeout.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/node/listen.ts';
import { parseReference } from '../../src/spec/reference.ts';
import type { Registry } from '../../src/store/contract.ts';
import { systemClock } from '../../src/time/clock.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { Middleware, Send } from '../../src/wire/message.ts';
import { createFigure } from './figure.ts';
import type { Scene } from './operations.ts';
import { startProxy, type TestProxy, type WireFault } from './proxy.ts';
import { operationOf } from './spoil.ts';

export interface StageOptions {
  /** Changes around the registry. */
  readonly http?: Middleware | undefined;
  /** Faults between the registry and the client. */
  readonly wire?: WireFault | undefined;
  /** Makes silence end soon, on both sides. */
  readonly impatient?: boolean | undefined;
  /** Lets no connection seem slow, however busy the machine is: time stands still, and timers go on. */
  readonly fast?: boolean | undefined;
  /** Default: streams go in chunks of 1 MiB. */
  readonly upload?: UploadOptions;
  /** The content of the registry at the start, and the repository with a good connection. Default: nothing. */
  readonly holds?: Registry;
  readonly goodHolds?: Registry;
}

export interface Stage extends Scene, AsyncDisposable {
  readonly proxy: TestProxy;
  /** Returns the sessions that were started and neither closed nor cancelled. */
  sessionsLeft(): Promise<readonly string[]>;
}

/** Short waits, and one more attempt than any fault makes fail. */
export const hasty: RetryOptions = { attempts: 5, initial: 1, factor: 1, cap: 100 };
/**
 * Milliseconds after which impatient sides take silence for an end, the registry first. A busy machine alone makes no
 * silence of that length.
 */
const patience = { client: 3000, registry: 2000 };

/** Starts a registry with a client and a proxy between them, with the faults of each. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const memory = options.holds ?? createMemoryRegistry();
  const goodMemory = options.goodHolds ?? createMemoryRegistry();
  const app = createApp(memory);
  const watched = watchSessions(app);
  const idle =
    options.impatient === true ? { requestIdle: patience.registry, answerIdle: patience.registry } : {};
  const server = await listen(options.http?.(watched.send) ?? watched.send, idle);
  const good = await listen(createApp(goodMemory));
  const proxy = await startProxy(hostOf(server), options.wire);
  const folder = await mkdtemp(join(tmpdir(), 'gantry-faults-'));
  const settings = clientOptions(options);
  const client = createClient(settings);
  const connections = createConnections(settings);
  const spoilt = `${proxy.host}/acme/app`;
  const reference = parseReference(spoilt);
  return {
    remote: connections.registry(reference).repository('acme/app', { actions: ['pull', 'push'] }),
    inside: memory.repository('acme/app'),
    client,
    spoilt,
    good: `${hostOf(good)}/acme/app`,
    insideGood: goodMemory.repository('acme/app'),
    folder,
    figure: createFigure(),
    proxy,
    sessionsLeft: () => watched.sessionsLeft(),
    async [Symbol.asyncDispose]() {
      await Promise.all([client[Symbol.asyncDispose](), connections[Symbol.asyncDispose]()]);
      await proxy[Symbol.asyncDispose]();
      await Promise.all([server.close({ grace: 0 }), good.close({ grace: 0 })]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function clientOptions({ impatient = false, fast = false, upload }: StageOptions = {}): ClientOptions {
  const timeouts: TimeoutOptions = {
    ...(impatient && { answer: patience.client, progress: patience.client }),
    ...(fast && { clock: { ...systemClock, now: () => 0 } }),
  };
  return {
    keychain: async () => undefined,
    retry: { ...hasty, uploads: hasty, downloads: hasty },
    upload: upload ?? { chunkSize: 1024 * 1024 },
    timeouts,
  };
}

function hostOf({ url }: Listener): string {
  return url.slice('http://'.length);
}

interface WatchedApp extends Pick<Stage, 'sessionsLeft'> {
  readonly send: Send;
}

function watchSessions(app: Send): WatchedApp {
  const begun: string[] = [];
  return {
    async send(request) {
      const response = await app(request);
      const kind = operationOf(request)?.kind;
      const location = headerValue(response.headers, 'location');
      const begins = kind === 'upload.start' || kind === 'upload.mount';
      if (begins && response.status === 202 && location !== undefined) begun.push(location);
      return response;
    },
    async sessionsLeft() {
      const left: string[] = [];
      for (const url of begun) {
        const { status } = await app({ method: 'GET', url, headers: {}, replay: 'safe' });
        if (status !== 404) left.push(url);
      }
      return left;
    },
  };
}
