import { AuthError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { encode } from '../wire/encode.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import type { Operation } from '../wire/operation.ts';
import type { Capabilities } from './capabilities.ts';

/** What goes to one registry for one repository. */
export interface RepositoryLine {
  /** The registry's root, without a slash at its end: `https://ghcr.io`. */
  readonly base: string;
  readonly send: Send;
  readonly capabilities: Capabilities;
  /** What the first token is asked for, so that it serves the last request too; fewer where all are refused for some. */
  readonly scopes: readonly string[];
}

/** The answer to a request, past what stands in its way at some registries. */
export async function sendWithWorkarounds(
  line: RepositoryLine,
  request: HttpRequest,
  operation: Operation,
): Promise<HttpResponse> {
  const response = await challenged(line, request, await permitted(line, request));
  return operation.kind === 'blob.get' ? response : decoded(response, request);
}

/**
 * A token service may refuse everything because of one repository that is to be mounted from and isn't there (GHCR says
 * 403). Then it is asked for the own one alone, from now on; a mount asks for its source again by itself.
 */
async function permitted(line: RepositoryLine, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await line.send(request);
  } catch (error) {
    const refused = error instanceof AuthError && ['UNAUTHORIZED', 'DENIED'].includes(error.code);
    if (!refused || line.scopes.length < 2 || !isRepeatable(request)) throw error;
    const response = await line.send({ ...request, scopes: line.scopes.slice(0, 1) });
    line.capabilities.scopes.sawOwnOnly();
    return response;
  }
}

/** gcr.io has said 401 without a challenge below `/v2/`: there it says what it wants. */
async function challenged(
  { base, send }: RepositoryLine,
  request: HttpRequest,
  response: HttpResponse,
): Promise<HttpResponse> {
  const bare = response.status === 401 && headerValue(response.headers, 'www-authenticate') === undefined;
  if (!bare || !isRepeatable(request)) return response;
  const { scopes = [], signal } = request;
  const ping = await send(encode({ kind: 'ping' }, base, { scopes, signal }));
  await discard(ping.body);
  if (ping.status !== 200) return response;
  await discard(response.body);
  return send(request);
}

function isRepeatable({ body }: HttpRequest): boolean {
  return body === undefined || body.replayable;
}

/**
 * Proxies compress what they take for text although nobody asked for it: then neither the bytes nor their number are those of
 * the content. What is only labelled so passes as it is. Blobs are never unpacked: Apache labels layers for what they are.
 */
async function decoded(response: HttpResponse, { method, url }: HttpRequest): Promise<HttpResponse> {
  const encoding = headerValue(response.headers, 'content-encoding')?.toLowerCase();
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return response;
  const { 'content-encoding': _, 'content-length': __, ...headers } = response.headers;
  if (method === 'HEAD') return { ...response, headers };
  const { decompressed } = await import('../flow/compression.ts');
  return { ...response, headers, body: decompressed(response.body, { what: new URL(url).host }) };
}
