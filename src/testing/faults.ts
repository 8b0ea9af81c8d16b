import { InputError, TransportError } from '../errors.ts';
import { unlessAborted } from '../flow/abort.ts';
import { discard } from '../flow/collect.ts';
import { mapContent } from '../flow/content.ts';
import { sleep } from '../flow/sleep.ts';
import { callback, checkOptions, object } from '../spec/options.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import type { OperationKind } from '../wire/operation.ts';
import { answer, withoutBody } from '../wire/reply.ts';
import { checkFaults } from './check-faults.ts';
import { type RegistryRequest, readRequest } from './requests.ts';

/**
 * A scripted failure of a registry. The first fault in a list that applies to a request strikes it, and no other. A
 * fault that never strikes fails the test that scripted it: its condition describes a request that was never sent, or
 * its cut a byte that never came.
 */
export interface Fault {
  /** The requests that the fault applies to. Default: all. */
  readonly when?: FaultCondition | ((request: RegistryRequest) => boolean);
  /** The effect on these requests. A function may do anything: it is a middleware around the registry's handler. */
  readonly effect: FaultEffect | Middleware;
  /** The number of requests to strike: the first ones up to this number, all, or every n-th. Default 1. */
  readonly times?: number | 'always' | { readonly every: number };
  /** Whether the fault may stay unused. Default false. */
  readonly optional?: boolean;
}

/** A condition on a request. All given members must match. */
export interface FaultCondition {
  /** The kinds of operations, from `operationKinds`: `blob.get`, `upload.append`, `manifest.put`, ... */
  readonly operation?: OperationKind | readonly OperationKind[];
  /** The name of the repository. */
  readonly repository?: string;
  /** The method. */
  readonly method?: string;
  /** The whole path without its query, or a pattern for a part of the path. */
  readonly path?: string | RegExp;
}

/** The effect of a fault. Without `status` and `body` the registry itself answers, after the given effects. */
export interface FaultEffect {
  /** Milliseconds until the registry receives the request. */
  readonly latency?: number;
  /**
   * The status of an answer in place of the registry, which never receives the request; `headers` and `body` belong to
   * it.
   */
  readonly status?: number;
  /** Headers that replace those of the answer. An empty list removes a header. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A body that replaces the body of the answer. */
  readonly body?: string | Uint8Array;
  /** The point at which the connection is closed. */
  readonly cut?: FaultPoint;
  /** The point at which the exchange stands still until the client gives up or the registry is closed. */
  readonly stall?: FaultPoint;
}

/** A point in an exchange, by the number of bytes of a body. A shorter body passes and does not count as struck. */
export interface FaultPoint {
  /**
   * `request`: the registry has received exactly these bytes. `answer`: the registry has done the operation; after 0
   * bytes not even the status was sent.
   */
  readonly of: 'request' | 'answer';
  /** The number of bytes before the point. */
  readonly after: number;
}

/** A middleware with faults that knows which of them have struck. */
export interface Faults extends Middleware {
  /** Returns the required faults that have not struck yet. */
  unstruck(): readonly Fault[];
  /** Throws INVALID_OPTION with the positions in the list of the required faults that have not struck. */
  assertStruck(): void;
}

/** Options of `withFaults`. */
export interface FaultsOptions {
  /** The clock for latencies. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Called for each request that a fault has struck, at that moment. */
  readonly onStrike?: ((request: HttpRequest, fault: Fault) => void) | undefined;
}

/**
 * Creates a middleware that adds faults to a registry: `withFaults(faults)(createApp(registry))`. Throws INVALID_OPTION
 * for an invalid fault.
 */
export function withFaults(faults: readonly Fault[], options: FaultsOptions = {}): Faults {
  checkFaults(faults);
  checkOptions('withFaults', options, { clock: object, onStrike: callback });
  const { clock = systemClock, onStrike = () => undefined } = options;
  const scripts = faults.map((fault) => ({ fault, turns: createTurns(fault) }));
  const middleware: Middleware = (next) => (request) => {
    const seen = readRequest(request);
    const script = scripts.find(({ turns }) => turns.take(seen));
    if (script === undefined) return next(request);
    const { fault, turns } = script;
    const strike = once(() => {
      turns.struck();
      onStrike(request, fault);
    });
    const { effect } = fault;
    if (typeof effect !== 'function')
      return struck(effect, next, { clock, strike, spare: () => turns.giveBack() })(request);
    strike();
    return effect(next)(request);
  };
  const unstruck = (): readonly Fault[] =>
    scripts
      .filter(({ fault, turns }) => fault.optional !== true && !turns.hasStruck())
      .map(({ fault }) => fault);
  return Object.assign(middleware, {
    unstruck,
    assertStruck() {
      const left = unstruck();
      if (left.length === 0) return;
      const named = left.map((fault) => `faults[${faults.indexOf(fault)}] ${described(fault)}`);
      throw new InputError(
        'INVALID_OPTION',
        `${left.length} of ${faults.length} scripted faults never struck: ${named.join('; ')}. ` +
          'Each needs a request that fits, and a body that reaches its point; "optional: true" lets one go unused',
      );
    },
  });
}

function described({ when, effect }: Fault): string {
  return JSON.stringify({ when, effect }, inWords).slice(0, 200);
}

function inWords(_: string, value: unknown): unknown {
  return value instanceof RegExp || typeof value === 'function' ? String(value) : value;
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

/** Decides which of the matching requests a fault may strike. */
interface Turns {
  /** Returns whether the fault may strike this request, and counts the request if so. */
  take(request: RegistryRequest): boolean;
  /** Takes the count back, because the request passed unharmed: the next matching one is counted. */
  giveBack(): void;
  struck(): void;
  hasStruck(): boolean;
}

function createTurns({ when = {}, times = 1 }: Fault): Turns {
  const fits = typeof when === 'function' ? when : (request: RegistryRequest) => isSuch(when, request);
  let count = 0;
  let taken = 0;
  let owed = 0;
  let hasStruck = false;
  const isDue = (): boolean => {
    if (times === 'always') return true;
    if (typeof times === 'number') return taken < times;
    if (count % times.every === 0) return true;
    if (owed === 0) return false;
    owed--;
    return true;
  };
  return {
    take(request) {
      if (!fits(request)) return false;
      count++;
      if (!isDue()) return false;
      taken++;
      return true;
    },
    giveBack() {
      taken--;
      owed++;
    },
    struck() {
      hasStruck = true;
    },
    hasStruck: () => hasStruck,
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

interface Striking {
  readonly clock: Clock;
  /** Reports that the fault has struck. */
  readonly strike: () => void;
  /** Reports that the body was too short for the fault. */
  readonly spare: () => void;
}

function struck(effect: FaultEffect, next: Send, { clock, strike, spare }: Striking): Send {
  const { latency, status, cut, stall } = effect;
  const point = cut ?? stall;
  return async (request) => {
    if (latency !== undefined) await sleep(clock, latency, request.signal);
    if (point === undefined) strike();
    const cause = (): Promise<void> => {
      strike();
      return cut === undefined ? forever(request) : Promise.reject(cutOff());
    };
    const inRequest = point?.of === 'request' && status === undefined;
    if (inRequest && request.body === undefined) await cause();
    const asked = inRequest ? brokenRequest(request, point.after, { cause, spare }) : request;
    const response = changed(effect, status === undefined ? await next(asked) : answer(status));
    const sent = request.method === 'HEAD' ? withoutBody(response) : response;
    if (point?.of !== 'answer') return sent;
    if (point.after > 0) return { ...sent, body: brokenOff(sent.body, point.after, { cause, spare }) };
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

/** The effect at the point of a fault, and the handling of a body that ends before it. */
interface Breaking {
  readonly cause: () => Promise<void>;
  readonly spare: () => void;
}

function brokenRequest(request: HttpRequest, after: number, breaking: Breaking): HttpRequest {
  if (request.body === undefined) return request;
  return { ...request, body: mapContent(request.body, (source) => brokenOff(source, after, breaking)) };
}

async function* brokenOff(
  source: AsyncIterable<Uint8Array>,
  after: number,
  { cause, spare }: Breaking,
): AsyncIterable<Uint8Array> {
  let left = after;
  for await (const chunk of source) {
    if (left > 0) yield chunk.subarray(0, left);
    if (chunk.byteLength > left) await cause();
    left -= chunk.byteLength;
  }
  spare();
}

function forever({ signal }: HttpRequest): Promise<void> {
  return unlessAborted(new Promise<void>(() => {}), signal);
}

function cutOff(): TransportError {
  return new TransportError('CUT_OFF', 'a scripted fault');
}
