import type { GantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import type { Content } from '../flow/content.ts';
import { callback, checkArgument } from '../spec/options.ts';
import type { HeaderMap, HttpRequest, TargetUri } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import { transportError } from './failure.ts';
import type { Transport } from './transport.ts';

/**
 * The part of `fetch` that gantry uses. Any implementation fits: the global one, another runtime's, or one that uses a
 * proxy.
 */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A body of at most this size is passed as a whole, because not every `fetch` can stream a body. */
const smallBody = 64 * 1024;

/**
 * Creates a transport that sends through a `fetch`, for runtimes without `node:http`. It is slower than the Node
 * transport, and compressed answers arrive decoded. `close` does nothing.
 * @param fetch - The implementation to use, for example the global `fetch`.
 * @throws NO_CONNECTION when no connection could be made, CUT_OFF when the connection broke, any error of the body's
 * source, or the signal's reason, each from `send`.
 */
export function fetchTransport(fetch: Fetch): Transport {
  checkArgument('fetchTransport', 'fetch', fetch, callback);
  return {
    async send(request) {
      const { signal } = request;
      signal?.throwIfAborted();
      const target = targetOf(request);
      const source = createSource();
      const init = await requestInit(request, source);
      try {
        const response = await fetch(request.url, init);
        const body = response.body === null ? nothing : receivedBody(response.body, { target, signal });
        return {
          status: response.status,
          headers: responseHeaders(response.headers),
          body,
          url: request.url,
        };
      } catch (error) {
        signal?.throwIfAborted();
        throw source.failure() ?? fetchError(error, target);
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Keeps the error of a body's source, which `fetch` would replace by an error of its own. */
interface Source {
  stream(content: Content, signal: AbortSignal | undefined): ReadableStream<Uint8Array>;
  failure(): unknown;
}

function createSource(): Source {
  let failure: unknown;
  return {
    stream(content, signal) {
      const chunks = content.open({ signal })[Symbol.asyncIterator]();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            try {
              const next = await chunks.next();
              // Passes a copy: `fetch` may keep a chunk for any length of time.
              if (next.done !== true) controller.enqueue(new Uint8Array(next.value));
              else controller.close();
            } catch (error) {
              failure = error;
              controller.error(error);
            }
          },
          async cancel() {
            await chunks.return?.();
          },
        },
        { highWaterMark: 0 },
      );
    },
    failure: () => failure,
  };
}

async function requestInit(
  { method, headers, body, signal }: HttpRequest,
  source: Source,
): Promise<RequestInit> {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const common: RequestInit = {
    method,
    headers: lines,
    redirect: 'manual',
    signal: signal ?? null,
  };
  if (body === undefined) return common;
  if (body.size !== undefined && body.size <= smallBody) {
    return { ...common, body: await collect(body.open(), { limit: smallBody, what: 'request body' }) };
  }
  return { ...common, body: source.stream(body, signal), duplex: 'half' };
}

function responseHeaders(headers: Headers): HeaderMap {
  const map = Object.fromEntries(Array.from(headers, ([name, value]) => [name.toLowerCase(), [value]]));
  if (map['content-encoding'] === undefined) return map;
  // `fetch` has decoded the body, so neither header is true any more.
  const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = map;
  return rest;
}

function receivedBody(
  stream: ReadableStream<Uint8Array>,
  { target, signal }: { readonly target: TargetUri; readonly signal: AbortSignal | undefined },
): AsyncIterable<Uint8Array> {
  const reader = stream.getReader();
  const iterator: AsyncIterableIterator<Uint8Array, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      try {
        const next = await reader.read();
        return next.done ? { done: true, value: undefined } : { done: false, value: next.value };
      } catch (error) {
        signal?.throwIfAborted();
        throw transportError(causeOf(error), { target, connected: true });
      }
    },
    async return() {
      await reader.cancel().catch(() => {});
      return { done: true, value: undefined };
    },
  };
  return iterator;
}

/** `fetch` fails with a TypeError. The real error is its cause. */
function fetchError(error: unknown, target: TargetUri): GantryError {
  const cause = causeOf(error);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const connected = code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
  return transportError(cause, { target, connected });
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

const nothing: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {},
};
