import { TransportError } from '../errors.ts';
import { unlessAborted } from '../flow/abort.ts';
import { discard } from '../flow/collect.ts';
import { mapContent } from '../flow/content.ts';
import { type Clock, sleep, systemClock } from '../http/clock.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import type { OperationKind } from '../wire/operation.ts';
import { answer, withoutBody } from '../wire/reply.ts';
import { type RegistryRequest, readRequest } from './requests.ts';

/** Something that goes wrong with a registry. Of a list, the first that applies to a request strikes it, and no other. */
export interface Fault {
  /** Which requests. Default: all. */
  readonly when?: FaultCondition | ((request: RegistryRequest) => boolean);
  /** What happens to them. A function may do anything: it is a `Send` around the registry's. */
  readonly effect: FaultEffect | Middleware;
  /** How many of these requests: the first so many, all, or every n-th. Default 1. */
  readonly times?: number | 'always' | { readonly every: number };
}

/** Requests of which everything that is named here is true. */
export interface FaultCondition {
  /** `blob.get`, `upload.append`, `manifest.put`, ... */
  readonly operation?: OperationKind | readonly OperationKind[];
  readonly repository?: string;
  readonly method?: string;
  /** The whole path without its query, or a pattern for a part of it. */
  readonly path?: string | RegExp;
}

/** Without `status` and `body` the registry itself answers, once whatever is named here has happened. */
export interface FaultEffect {
  /** Milliseconds until the registry sees the request. */
  readonly latency?: number;
  /** Answered in place of the registry, which never sees the request; with `headers` and `body`. */
  readonly status?: number;
  /** In place of those of the answer; an empty list leaves one out. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** In place of the body of the answer. */
  readonly body?: string | Uint8Array;
  /** Where the connection is cut. */
  readonly cut?: FaultPoint;
  /** Where everything stands still, until the client gives up or the registry is closed. */
  readonly stall?: FaultPoint;
}

/** A place in an exchange: after so many bytes of a body. What is shorter goes through. */
export interface FaultPoint {
  /**
   * `request`: the registry has got these bytes, and no more. `answer`: the registry has done what it was asked for;
   * after 0 bytes there is not even a status.
   */
  readonly of: 'request' | 'answer';
  readonly after: number;
}

/** A registry at fault, as a handler around the one that is right: `withFaults(faults)(createApp(registry))`. */
export function withFaults(
  faults: readonly Fault[],
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Middleware {
  const scripts = faults.map((fault) => ({ ...fault, strikes: createStrikes(fault) }));
  return (next) => {
    const strikers = scripts.map(({ effect, strikes }) => ({
      strikes,
      send: typeof effect === 'function' ? effect(next) : struck(effect, next, clock),
    }));
    return (request) => {
      const seen = readRequest(request);
      const striker = strikers.find(({ strikes }) => strikes(seen));
      return striker === undefined ? next(request) : striker.send(request);
    };
  };
}

/** Counts the requests that it is asked about and that fit. */
function createStrikes({ when = {}, times = 1 }: Fault): (request: RegistryRequest) => boolean {
  const fits = typeof when === 'function' ? when : (request: RegistryRequest) => isSuch(when, request);
  let count = 0;
  return (request) => {
    if (!fits(request)) return false;
    count++;
    if (times === 'always') return true;
    return typeof times === 'number' ? count <= times : count % times.every === 0;
  };
}

function isSuch(
  { operation, repository, method, path }: FaultCondition,
  { operation: asked, ...request }: RegistryRequest,
): boolean {
  const [target = ''] = request.url.split('?', 1);
  if (method !== undefined && request.method !== method) return false;
  if (typeof path === 'string' ? path !== target : path?.test(target) === false) return false;
  if (operation !== undefined && !(asked !== undefined && [operation].flat().includes(asked.kind)))
    return false;
  return (
    repository === undefined ||
    (asked !== undefined && 'repository' in asked && asked.repository === repository)
  );
}

function struck(effect: FaultEffect, next: Send, clock: Clock): Send {
  const { latency, status, cut, stall } = effect;
  return async (request) => {
    if (latency !== undefined) await sleep(clock, latency, request.signal);
    const cause = cut === undefined ? () => forever(request) : () => Promise.reject(cutOff());
    const point = cut ?? stall;
    const inRequest = point?.of === 'request' && status === undefined;
    if (inRequest && request.body === undefined) await cause();
    const asked = inRequest ? brokenRequest(request, point.after, cause) : request;
    const response = changed(effect, status === undefined ? await next(asked) : answer(status));
    const sent = request.method === 'HEAD' ? withoutBody(response) : response;
    if (point?.of !== 'answer') return sent;
    if (point.after > 0) return { ...sent, body: brokenOff(sent.body, point.after, cause) };
    await discard(sent.body);
    await cause();
    return sent;
  };
}

function changed({ headers = {}, body }: FaultEffect, response: HttpResponse): HttpResponse {
  const own = Object.entries(headers).map(([name, lines]) => [name.toLowerCase(), [lines].flat()] as const);
  const kept = Object.entries({ ...response.headers, ...Object.fromEntries(own) });
  const all = Object.fromEntries(kept.filter(([, lines]) => lines.length > 0));
  if (body === undefined) return { ...response, headers: all };
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return answer(response.status, { ...all, 'content-length': [String(bytes.byteLength)] }, bytes);
}

function brokenRequest(request: HttpRequest, after: number, cause: () => Promise<void>): HttpRequest {
  if (request.body === undefined) return request;
  return { ...request, body: mapContent(request.body, (source) => brokenOff(source, after, cause)) };
}

async function* brokenOff(
  source: AsyncIterable<Uint8Array>,
  after: number,
  cause: () => Promise<void>,
): AsyncIterable<Uint8Array> {
  let left = after;
  for await (const chunk of source) {
    if (left > 0) yield chunk.subarray(0, left);
    if (chunk.byteLength > left) await cause();
    left -= chunk.byteLength;
  }
}

function forever({ signal }: HttpRequest): Promise<void> {
  return unlessAborted(new Promise<void>(() => {}), signal);
}

function cutOff(): TransportError {
  return new TransportError('CUT_OFF', 'a scripted fault');
}
