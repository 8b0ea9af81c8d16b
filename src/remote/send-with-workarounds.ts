import { AuthError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { encode } from '../wire/encode.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import type { Operation } from '../wire/operation.ts';
import type { Capabilities } from './capabilities.ts';

/** The line of requests to one registry, for one repository. */
export interface RepositoryLine {
  /** The registry's root, without a slash at its end: `https://ghcr.io`. */
  readonly base: string;
  readonly send: Send;
  readonly capabilities: Capabilities;
  /** The scopes of the first token, so that it serves the last request too. Fewer if the service refuses all for some. */
  readonly scopes: readonly string[];
}

/** Sends a request, and works around the obstacles that some registries put before its answer. */
export async function sendWithWorkarounds(
  line: RepositoryLine,
  request: HttpRequest,
  operation: Operation,
): Promise<HttpResponse> {
  const first = await permitted(line, request);
  const response = isUnchallenged(first) ? await challenged(line, request, first) : first;
  const encoding =
    operation.kind === 'blob.get' ? undefined : headerValue(response.headers, 'content-encoding');
  return encoding === undefined ? response : decoded(response, request, encoding);
}

/**
 * Sends a request. A token service may refuse all scopes because one mount source does not exist (GHCR answers 403). From
 * then on gantry asks for the scope of the repository alone; a mount asks for the scope of its source again.
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

function isUnchallenged({ status, headers }: HttpResponse): boolean {
  return status === 401 && headerValue(headers, 'www-authenticate') === undefined;
}

/** Pings after a 401 without a challenge: gcr.io has sent such below `/v2/`, and sends the challenge to a ping. */
async function challenged(
  { base, send }: RepositoryLine,
  request: HttpRequest,
  response: HttpResponse,
): Promise<HttpResponse> {
  if (!isRepeatable(request)) return response;
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
 * Decompresses an answer. Proxies compress text without being asked, and then neither the bytes nor their number are those of
 * the content. A body that only has the label passes unchanged. gantry never decompresses a blob here, because Apache labels
 * layers by their own compression.
 */
async function decoded(
  response: HttpResponse,
  { method, url }: HttpRequest,
  encoding: string,
): Promise<HttpResponse> {
  if (!/^(?:x-)?gzip$/i.test(encoding)) return response;
  const { 'content-encoding': _, 'content-length': __, ...headers } = response.headers;
  if (method === 'HEAD') return { ...response, headers };
  const { decompressed } = await import('../flow/compression.ts');
  return { ...response, headers, body: decompressed(response.body, { what: new URL(url).host }) };
}
