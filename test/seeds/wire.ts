import { setImmediate as turn } from 'node:timers/promises';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { meteredContent } from '../../src/flow/count.ts';
import type { RetryOptions } from '../../src/http/backoff.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry, type RemoteRegistry } from '../../src/remote/registry.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import type { Clock } from '../../src/time/clock.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { parseOperation } from '../../src/wire/route.ts';

/** A request that the client sent. */
export interface Asked {
  readonly kind: OperationKind | 'failure';
  readonly host: string;
  readonly url: string;
  readonly headers: HeaderMap;
  readonly scopes: readonly string[];
  /** The bytes of its body that the registry has received. */
  bytes: number;
  /** 0 before the response. */
  status: number;
}

/** Embedded registries without sockets, one for each requested host. Every request is noted. */
export interface Wire {
  readonly send: Send;
  readonly asked: readonly Asked[];
  /** Returns the requests since the last call. */
  take(): readonly Asked[];
  /** Returns the place behind a host. */
  at(host?: string): Registry;
  /** Creates a remote registry without the knowledge of any other. */
  remote(upload?: UploadOptions): RemoteRegistry;
  client(options?: ClientOptions): Client;
}

export const host = 'registry.test';

/** `habits` are differences between the registries and ours. The first is nearest to the client. */
export function wire(...habits: readonly Middleware[]): Wire {
  const registries = new Map<string, { readonly registry: Registry; readonly app: Send }>();
  const asked: Asked[] = [];
  let taken = 0;
  const open = (name: string) => {
    const known = registries.get(name);
    if (known !== undefined) return known;
    const registry = createMemoryRegistry();
    const opened = { registry, app: createApp(registry) };
    registries.set(name, opened);
    return opened;
  };
  const noted: Middleware = (next) => async (request) => {
    const entry = note(request);
    asked.push(entry);
    const body =
      request.body &&
      meteredContent(request.body, (bytes) => {
        entry.bytes += bytes;
      });
    const response = await next(body === undefined ? request : { ...request, body });
    entry.status = response.status;
    return response;
  };
  const route: Send = (request) => open(hostOf(request)).app(request);
  const send = [noted, ...habits].reduceRight((next, habit) => habit(next), route);
  return {
    send,
    asked,
    take() {
      const fresh = asked.slice(taken);
      taken = asked.length;
      return fresh;
    },
    at: (name = host) => open(name).registry,
    remote: (upload = {}) =>
      createRemoteRegistry({ base: `https://${host}`, send, upload: { retry: hasty(), ...upload } }),
    client: (options = {}) =>
      createClient({
        transport: send,
        keychain: async () => undefined,
        retry: { ...hasty(), uploads: hasty() },
        ...options,
      }),
  };
}

export function kindsOf(asked: readonly Asked[]): readonly string[] {
  return asked.map(({ kind }) => kind);
}

/** Returns the number of requests of each kind. */
export function countsOf(asked: readonly Asked[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of asked) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function note(request: HttpRequest): Asked {
  const { kind } = parseOperation(request.method, request.url);
  const { url, headers, scopes = [] } = request;
  return { kind, host: hostOf(request), url, headers, scopes, bytes: 0, status: 0 };
}

function hostOf({ url }: HttpRequest): string {
  return new URL(url).host;
}

export interface JumpingClock extends Clock {
  /** Every started wait, in milliseconds. */
  readonly waits: readonly number[];
}

/** A clock on which every wait ends at once, with its time passed. */
export function jumpingClock(start = 0): JumpingClock {
  const waits: number[] = [];
  let time = start;
  return {
    waits,
    now: () => time,
    after(milliseconds, wake) {
      const end = time + milliseconds;
      let cancelled = false;
      waits.push(milliseconds);
      void turn().then(() => {
        if (cancelled) return;
        time = Math.max(time, end);
        wake();
      });
      return () => {
        cancelled = true;
      };
    },
  };
}

/** Returns options for attempts without waits. */
export function hasty(options: RetryOptions = {}): RetryOptions {
  return { clock: jumpingClock(), random: () => 0, ...options };
}

/**
 * Answers requests of these kinds; `undefined` leaves one to the registry. `nth` is the number of earlier requests of
 * these kinds.
 */
export function answering(
  kinds: readonly OperationKind[],
  change: (request: HttpRequest, next: Send, nth: number) => Promise<HttpResponse> | undefined,
): Middleware {
  let nth = 0;
  return (next) => async (request) => {
    const { kind } = parseOperation(request.method, request.url);
    if (kind === 'failure' || !kinds.includes(kind)) return next(request);
    return (await change(request, next, nth++)) ?? next(request);
  };
}
