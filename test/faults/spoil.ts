import { TransportError } from '../../src/errors.ts';
import { contentLength, headerValue } from '../../src/wire/headers.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import type { Operation, OperationKind } from '../../src/wire/operation.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { parseOperation } from '../../src/wire/route.ts';
import { secret } from '../secret.ts';

/**
 * Ways for a registry to be at fault, each a middleware around an embedded one that is right. Each is made anew for each
 * test: it remembers what it has done already.
 */

/** What a request asks for; undefined for what is no question to a registry. */
export function operationOf({ method, url }: HttpRequest): Operation | undefined {
  const operation = parseOperation(method, url);
  return operation.kind === 'failure' ? undefined : operation;
}

/** The steps in which the bytes go. */
export const bodySteps: readonly OperationKind[] = [
  'upload.append',
  'upload.commit',
  'manifest.put',
  'blob.get',
];

/** Everything that can be asked is refused the first time. */
export function refusesOnce(status: number, headers: HeaderMap = {}): Middleware {
  const seen = new Set<OperationKind>();
  return refuses(({ kind }) => {
    const first = !seen.has(kind);
    seen.add(kind);
    return first ? answer(status, headers) : undefined;
  });
}

/** These steps are refused, always or so often. */
export function refusesSteps(
  status: number,
  kinds: readonly OperationKind[] = bodySteps,
  times: number = Number.POSITIVE_INFINITY,
): Middleware {
  let left = times;
  return refuses(({ kind }) => (kinds.includes(kind) && left-- > 0 ? answer(status) : undefined));
}

/** Answers in the place of the registry. */
export function refuses(
  refusal: (operation: Operation, request: HttpRequest) => HttpResponse | undefined,
): Middleware {
  return (next) => async (request) => {
    const operation = operationOf(request);
    const response = operation === undefined ? undefined : refusal(operation, request);
    return response ?? next(request);
  };
}

/** Changes the answers to some kinds of request. */
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

/** Headers in place of those of the answer; no lines: without that header. */
export function withHeaders(response: HttpResponse, headers: HeaderMap): HttpResponse {
  const all = Object.entries({ ...response.headers, ...headers });
  return { ...response, headers: Object.fromEntries(all.filter(([, lines]) => lines.length > 0)) };
}

/** Steps that are taken, and whose answers are lost. */
export function losesAnswers(kinds: readonly OperationKind[], times = 1): Middleware {
  let left = times;
  return answers(kinds, (response) => {
    if (left-- <= 0) return response;
    throw new TransportError('CUT_OFF', 'the answer is lost');
  });
}

/** Every session to which `loses` happens is forgotten. */
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

/** As distribution 2.8: a session in which a request broke off is gone. */
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

/** Chunks that say where they belong are refused. */
export function refusesChunks(status: number): Middleware {
  return refuses(({ kind }, { headers }) =>
    kind === 'upload.append' && headerValue(headers, 'content-range') !== undefined
      ? answer(status)
      : undefined,
  );
}

/** Bodies of more bytes are refused, as by a proxy. */
export function refusesBodies(most: number): Middleware {
  return refuses((_, { headers }) => ((contentLength(headers) ?? 0) > most ? answer(413) : undefined));
}

/** Each step of an upload is at another place, under a query that must come back as it was, and the old place is gone. */
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

/** What sessions say of themselves, in place of how many bytes they have; undefined: nothing. */
export function saysOfSessions(said: (bytes: number) => string | undefined): Middleware {
  return answers(['upload.status', 'upload.append'], (response) => {
    const last = /^0-(\d+)$/.exec(headerValue(response.headers, 'range') ?? '')?.[1];
    if (last === undefined) return response;
    const text = said(last === '0' ? 0 : Number(last) + 1);
    return withHeaders(response, { range: text === undefined ? [] : [text] });
  });
}

/**
 * Nothing is let in without a token, and when a request of these kinds comes, all that have served are no longer valid. One
 * that has served nobody yet stays: to end it, too, would refuse one request three times, which is final.
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
      used.add(shown);
      return next(request);
    }
    const host = headerValue(request.headers, 'host');
    return answer(401, { 'www-authenticate': [`Bearer realm="http://${host}/token",service="${host}"`] });
  };
}

/** Bodies of blobs end too early, in good order; `says`: the Content-Length that goes with it. */
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

/** One byte of each of the first `times` layers is another. */
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

/** Parts of blobs are not to be had: all of it comes. */
export const ignoresRanges: Middleware = (next) => (request) =>
  next({ ...request, headers: { ...request.headers, range: [] } });

/** What is asked for in parts is refused, always or so often. */
export function refusesRanges(status: number, times: number = Number.POSITIVE_INFINITY): Middleware {
  let left = times;
  return refuses(({ kind }, { headers }) =>
    kind === 'blob.get' && headerValue(headers, 'range') !== undefined && left-- > 0
      ? answer(status)
      : undefined,
  );
}

/** Parts of blobs come with this Content-Range. */
export function saysOfParts(text: string | undefined): Middleware {
  return answers(['blob.get'], (response) =>
    response.status === 206
      ? withHeaders(response, { 'content-range': text === undefined ? [] : [text] })
      : response,
  );
}

/** Parts of blobs come without the size of the whole. */
export const saysNoSizeOfParts: Middleware = answers(['blob.get'], (response) => {
  const [range = ''] = response.headers['content-range'] ?? [];
  return response.status === 206
    ? withHeaders(response, { 'content-range': [range.replace(/[0-9]+$/, '*')] })
    : response;
});

/** No question is answered that is asked with a HEAD. */
export function refusesHeads(status: number): Middleware {
  return (next) => async (request) => (request.method === 'HEAD' ? answer(status) : next(request));
}

/** Blobs and manifests are read at another address, which refuses a HEAD. */
export function sendsReadsOn(status: number): Middleware {
  return sendsOn(['blob.get', 'blob.head', 'manifest.get', 'manifest.head'], 307, refusesHeads(status));
}

/** Everything that is written is taken at another address. */
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

/** No answer names the digest of what it is about. */
export const namesNoDigests: Middleware = (next) => async (request) =>
  withHeaders(await next(request), { 'docker-content-digest': [] });

/** As registries without the referrers API. */
export const listsNoReferrers: Middleware = all(
  refuses(({ kind }) => (kind === 'referrers' ? answer(404) : undefined)),
  answers(['manifest.put'], (response) => withHeaders(response, { 'oci-subject': [] })),
);

/** The first is the outermost. */
export function all(...middlewares: readonly Middleware[]): Middleware {
  return (next) => middlewares.reduceRight((send, middleware) => middleware(send), next);
}
