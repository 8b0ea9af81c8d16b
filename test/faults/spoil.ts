import { TransportError } from '../../src/errors.ts';
import { contentLength, headerValue } from '../../src/wire/headers.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import type { Operation, OperationKind } from '../../src/wire/operation.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { parseOperation } from '../../src/wire/route.ts';
import { secret } from '../secret.ts';

/**
 * Faults of registries, each a middleware around an embedded registry without faults. Each test makes them anew, since
 * they remember past requests.
 */

/** Returns the operation of a request; undefined for a request to another server. */
export function operationOf({ method, url }: HttpRequest): Operation | undefined {
  const operation = parseOperation(method, url);
  return operation.kind === 'failure' ? undefined : operation;
}

/** The operations that carry content. */
export const bodySteps: readonly OperationKind[] = [
  'upload.append',
  'upload.commit',
  'manifest.put',
  'blob.get',
];

/** Refuses the first request for each operation. */
export function refusesOnce(status: number, headers: HeaderMap = {}): Middleware {
  const seen = new Set<OperationKind>();
  return refuses(({ kind }) => {
    const first = !seen.has(kind);
    seen.add(kind);
    return first ? answer(status, headers) : undefined;
  });
}

/** Refuses these operations, always or this many times. */
export function refusesSteps(
  status: number,
  kinds: readonly OperationKind[] = bodySteps,
  times: number = Number.POSITIVE_INFINITY,
): Middleware {
  let left = times;
  return refuses(({ kind }) => (kinds.includes(kind) && left-- > 0 ? answer(status) : undefined));
}

/** Answers in place of the registry. */
export function refuses(
  refusal: (operation: Operation, request: HttpRequest) => HttpResponse | undefined,
): Middleware {
  return (next) => async (request) => {
    const operation = operationOf(request);
    const response = operation === undefined ? undefined : refusal(operation, request);
    return response ?? next(request);
  };
}

/** Changes the responses to some kinds of requests. */
export function answers(
  kinds: readonly OperationKind[],
  change: (response: HttpResponse, request: HttpRequest) => HttpResponse,
): Middleware {
  return (next) => async (request) => {
    const kind = operationOf(request)?.kind;
    const response = await next(request);
    return kind !== undefined && kinds.includes(kind) ? change(response, request) : response;
  };
}

/** Returns the response with other headers. An empty list removes a header. */
export function withHeaders(response: HttpResponse, headers: HeaderMap): HttpResponse {
  const all = Object.entries({ ...response.headers, ...headers });
  return { ...response, headers: Object.fromEntries(all.filter(([, lines]) => lines.length > 0)) };
}

/** Forwards requests of these kinds, and loses their responses. */
export function losesAnswers(kinds: readonly OperationKind[], times = 1): Middleware {
  let left = times;
  return answers(kinds, (response) => {
    if (left-- <= 0) return response;
    throw new TransportError('CUT_OFF', 'the answer is lost');
  });
}

/** Forgets every session for which `loses` returns true. */
export function losesSessions(
  loses: (step: { readonly ofSession: number }) => boolean,
  times = 1,
): Middleware {
  const lost = new Set<string>();
  const steps = new Map<string, number>();
  let left = times;
  return (next) => async (request) => {
    const operation = operationOf(request);
    if (operation === undefined || !('id' in operation)) return next(request);
    const { id, kind } = operation;
    if (request.body !== undefined && left > 0 && kind !== 'upload.cancel') {
      const ofSession = (steps.get(id) ?? 0) + 1;
      steps.set(id, ofSession);
      if (loses({ ofSession })) {
        left--;
        await forget(next, request, lost, id);
      }
    }
    return lost.has(id) ? noSession() : next(request);
  };
}

/** Forgets a session in which a request broke off, as distribution 2.8 does. */
export function losesSessionsOnCuts(): Middleware {
  const lost = new Set<string>();
  return (next) => async (request) => {
    const operation = operationOf(request);
    const id = operation !== undefined && 'id' in operation ? operation.id : '';
    if (lost.has(id)) return noSession();
    try {
      return await next(request);
    } catch (error) {
      if (id !== '') await forget(next, request, lost, id);
      throw error;
    }
  };
}

async function forget(next: Send, { url }: HttpRequest, lost: Set<string>, id: string): Promise<void> {
  lost.add(id);
  await next({ method: 'DELETE', url: url.replace(/\?.*/, ''), headers: {}, replay: 'safe' });
}

function noSession(): HttpResponse {
  return errorAnswer('BLOB_UPLOAD_UNKNOWN', 'there is no such session');
}

/** Refuses chunks with a Content-Range. */
export function refusesChunks(status: number): Middleware {
  return refuses(({ kind }, { headers }) =>
    kind === 'upload.append' && headerValue(headers, 'content-range') !== undefined
      ? answer(status)
      : undefined,
  );
}

/** Refuses larger bodies, as a proxy does. */
export function refusesBodies(most: number): Middleware {
  return refuses((_, { headers }) => ((contentLength(headers) ?? 0) > most ? answer(413) : undefined));
}

/**
 * Moves each step of an upload to another address, under a query that must return unchanged. The old address is gone.
 */
export function movesSessions(): Middleware {
  const places = new Map<string, string>();
  let count = 0;
  return (next) => async (request) => {
    const [path = '', query = ''] = request.url.split('?', 2);
    const digest = /(?:^|&)(digest=.*)$/.exec(query)?.[1];
    const key = digest === undefined ? request.url : request.url.slice(0, -digest.length - 1);
    const place = places.get(key);
    if (path.startsWith('/elsewhere/') && place === undefined) return noSession();
    const response = await next({
      ...request,
      url: place === undefined ? request.url : place + (digest === undefined ? '' : `?${digest}`),
    });
    if (place !== undefined && request.method !== 'GET') places.delete(key);
    const location = headerValue(response.headers, 'location');
    if (location === undefined || !location.includes('/uploads/')) return response;
    const moved = `/elsewhere/${++count}?_state=a%2Fb%3D%3d${secret('state')}&x=%20y+z`;
    places.set(moved, location);
    return withHeaders(response, { location: [moved] });
  };
}

/** Replaces the report of a session about its bytes; undefined removes it. */
export function saysOfSessions(said: (bytes: number) => string | undefined): Middleware {
  return answers(['upload.status', 'upload.append'], (response) => {
    const last = /^0-(\d+)$/.exec(headerValue(response.headers, 'range') ?? '')?.[1];
    if (last === undefined) return response;
    const text = said(last === '0' ? 0 : Number(last) + 1);
    return withHeaders(response, { range: text === undefined ? [] : [text] });
  });
}

/**
 * Demands tokens. A request of these kinds invalidates all tokens that have served. A token without a response that the
 * client has seen stays valid: the client takes the refusal of such a token as final.
 */
export function endsTokens(kinds: readonly OperationKind[], times: number): Middleware {
  let [given, ended, left] = [0, 0, times];
  const used = new Set<string>();
  return (next) => async (request) => {
    if (request.url.startsWith('/token')) {
      const body = new TextEncoder().encode(
        JSON.stringify({ token: secret(String(++given)), expires_in: 300 }),
      );
      return answer(200, { 'content-type': ['application/json'] }, body);
    }
    const kind = operationOf(request)?.kind;
    const [, shown] = /^Bearer .*-(\d+)$/.exec(headerValue(request.headers, 'authorization') ?? '') ?? [];
    if (shown !== undefined && used.has(shown) && kind !== undefined && kinds.includes(kind) && left-- > 0) {
      ended = Math.max(...[...used].map(Number));
    }
    if (shown !== undefined && Number(shown) > ended) {
      const response = await next(request);
      afterTurns(20, () => used.add(shown));
      return response;
    }
    const host = headerValue(request.headers, 'host');
    return answer(401, { 'www-authenticate': [`Bearer realm="http://${host}/token",service="${host}"`] });
  };
}

/** The client has read a response after a few turns of the event loop, since it runs in this process. */
function afterTurns(left: number, act: () => void): void {
  if (left === 0) act();
  else setImmediate(() => afterTurns(left - 1, act));
}

/** Ends the bodies of blobs too early but in good order. `says` chooses the Content-Length. */
export function endsEarly(after: number, says: 'nothing' | 'short', times = 1): Middleware {
  let left = times;
  return answers(['blob.get'], (response) => {
    if (response.status >= 300 || (contentLength(response.headers) ?? 0) <= after || left-- <= 0)
      return response;
    const length = says === 'short' ? [String(after)] : [];
    return { ...withHeaders(response, { 'content-length': length }), body: firstOf(response.body, after) };
  });
}

async function* firstOf(source: AsyncIterable<Uint8Array>, length: number): AsyncIterable<Uint8Array> {
  let left = length;
  for await (const chunk of source) {
    yield chunk.subarray(0, left);
    left -= chunk.byteLength;
    if (left <= 0) return;
  }
}

/** Changes one byte of each of the first `times` layers. */
export function flipsBytes(times: number): Middleware {
  let left = times;
  return answers(['blob.get'], (response) => {
    if ((contentLength(response.headers) ?? 0) < 1000 || left-- <= 0) return response;
    return { ...response, body: flipped(response.body) };
  });
}

async function* flipped(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let first = true;
  for await (const chunk of source) {
    const bytes = chunk.slice();
    if (first) bytes[0] = (bytes[0] ?? 0) ^ 1;
    first = false;
    yield bytes;
  }
}

/** Answers requests for parts of blobs with the whole. */
export const ignoresRanges: Middleware = (next) => (request) =>
  next({ ...request, headers: { ...request.headers, range: [] } });

/** Refuses requests for parts, always or this many times. */
export function refusesRanges(status: number, times: number = Number.POSITIVE_INFINITY): Middleware {
  let left = times;
  return refuses(({ kind }, { headers }) =>
    kind === 'blob.get' && headerValue(headers, 'range') !== undefined && left-- > 0
      ? answer(status)
      : undefined,
  );
}

/** Answers requests for parts of blobs with this Content-Range. */
export function saysOfParts(text: string | undefined): Middleware {
  return answers(['blob.get'], (response) =>
    response.status === 206
      ? withHeaders(response, { 'content-range': text === undefined ? [] : [text] })
      : response,
  );
}

/** Answers requests for parts of blobs without the size of the whole. */
export const saysNoSizeOfParts: Middleware = answers(['blob.get'], (response) => {
  const [range = ''] = response.headers['content-range'] ?? [];
  return response.status === 206
    ? withHeaders(response, { 'content-range': [range.replace(/[0-9]+$/, '*')] })
    : response;
});

/** Refuses every HEAD. */
export function refusesHeads(status: number): Middleware {
  return (next) => async (request) => (request.method === 'HEAD' ? answer(status) : next(request));
}

/** Redirects reads of blobs and manifests to another address, which refuses HEAD. */
export function sendsReadsOn(status: number): Middleware {
  return sendsOn(['blob.get', 'blob.head', 'manifest.get', 'manifest.head'], 307, refusesHeads(status));
}

/** Redirects all writes to another address. */
export function sendsWritesOn(status: number): Middleware {
  const steps = ['upload.start', 'upload.mount', 'upload.append', 'upload.commit', 'manifest.put'] as const;
  return sendsOn(steps, status, (next) => next);
}

function sendsOn(kinds: readonly OperationKind[], status: number, around: Middleware): Middleware {
  const there = '/there';
  return (next) => {
    const atOtherAddress = around(next);
    return async (request) => {
      const { url } = request;
      if (url.startsWith(`${there}/`)) return atOtherAddress({ ...request, url: url.slice(there.length) });
      const kind = operationOf(request)?.kind;
      if (kind === undefined || !kinds.includes(kind)) return next(request);
      return answer(status, { location: [there + url] });
    };
  };
}

/** Removes the digest of the content from every response. */
export const namesNoDigests: Middleware = (next) => async (request) =>
  withHeaders(await next(request), { 'docker-content-digest': [] });

/** Behaves like a registry without the referrers API. */
export const listsNoReferrers: Middleware = all(
  refuses(({ kind }) => (kind === 'referrers' ? answer(404) : undefined)),
  answers(['manifest.put'], (response) => withHeaders(response, { 'oci-subject': [] })),
);

/** Combines middlewares. The first is the outermost. */
export function all(...middlewares: readonly Middleware[]): Middleware {
  return (next) => middlewares.reduceRight((send, middleware) => middleware(send), next);
}
