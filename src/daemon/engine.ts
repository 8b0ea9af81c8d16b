import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { type Content, emptyContent } from '../flow/content.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { type ObjectField, readMap } from '../json/field.ts';
import { parseJson } from '../json/parse.ts';
import type { SignalOptions } from '../store/contract.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpResponse, Send } from '../wire/message.ts';
import { commonVersion } from './api-version.ts';
import { type Endpoint, findEndpoint } from './endpoint.ts';
import { type DaemonFacts, readFacts } from './facts.ts';
import { type Doing, nonsense, refused, unreachable } from './failure.ts';
import { type DaemonLineOptions, openDaemonLine } from './line.ts';

/** A request to a daemon. */
export interface EngineRequest extends Doing, SignalOptions {
  readonly method: 'GET' | 'POST';
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** A tar. */
  readonly body?: Content | undefined;
  /** Milliseconds for the first byte of the answer. */
  readonly answerWithin?: number | undefined;
}

/** The API of a docker daemon. */
export interface Engine extends AsyncDisposable {
  /** The daemon in messages, with its address. */
  readonly name: string;
  /** The address, as in DOCKER_HOST. */
  readonly host: string;
  /** Asks the daemon about itself, once. */
  facts(options?: SignalOptions): Promise<DaemonFacts>;
  /**
   * Sends a request below the version of the API.
   * @throws NAME_UNKNOWN for a 404, and other errors for an answer from 400 on, each with the daemon's words
   */
  send(request: EngineRequest): Promise<HttpResponse>;
  /**
   * As `send`, for a small JSON object, which `read` reads.
   * @throws UNEXPECTED_ANSWER when it is no JSON, or lacks a member that `read` needs
   */
  ask<T>(request: EngineRequest, read: (object: ObjectField) => T): Promise<T>;
}

/** Settings of `openEngine`. */
export interface EngineOptions extends DaemonLineOptions {
  /** The address as in DOCKER_HOST. */
  readonly host?: string | undefined;
  /** @defaultValue `process.env` */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Bytes. The description of an image with thousands of names is far smaller. */
const answerLimit = 4 * 1024 * 1024;

type Exchange = (url: string, request: EngineRequest) => Promise<HttpResponse>;
type Version = Pick<DaemonFacts, 'engine' | 'apiVersion'>;

/** Opens the way to a daemon. Sends nothing. */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const endpoint = await findEndpoint(options);
  const line = openDaemonLine(endpoint, options);
  const name = `the docker daemon at ${endpoint.host}`;
  const exchange = exchangeOver(line.send, endpoint, name);
  const versions = createSingleFlight<'version', Version>({ keep: true });
  const known = createSingleFlight<'facts', DaemonFacts>({ keep: true });
  const version = (own: SignalOptions): Promise<Version> =>
    versions.run('version', (signal) => askVersion(exchange, name, signal), own);
  const send = async (request: EngineRequest): Promise<HttpResponse> => {
    const { apiVersion } = await version(request);
    const query = new URLSearchParams(request.query).toString();
    return exchange(`/v${apiVersion}${request.path}${query === '' ? '' : `?${query}`}`, request);
  };
  const ask = async <T>(request: EngineRequest, read: (object: ObjectField) => T): Promise<T> =>
    parseAnswer(name, request, await send(request), read);
  const askFacts = async (signal: AbortSignal): Promise<DaemonFacts> => {
    const request = { method: 'GET', path: '/info', doing: 'describe itself', signal } as const;
    const facts = await ask(request, readFacts);
    return { ...facts, ...(await version({ signal })) };
  };
  return {
    name,
    host: endpoint.host,
    send,
    ask,
    facts: (own = {}) => known.run('facts', askFacts, own),
    [Symbol.asyncDispose]: () => line.close(),
  };
}

function exchangeOver(send: Send, endpoint: Endpoint, name: string): Exchange {
  return async (url, request) => {
    const { method, signal, answerWithin } = request;
    const headers = request.body === undefined ? {} : { 'content-type': ['application/x-tar'] };
    const body = method === 'POST' ? (request.body ?? emptyContent) : undefined;
    const response = await send({ method, url, headers, body, replay: 'never', answerWithin, signal }).catch(
      (error: unknown) => unreachable(endpoint, error),
    );
    if (response.status >= 400) throw await refused(name, request, response);
    return response;
  };
}

/** Asks for the version without one in the path: a daemon refuses versions that it does not know. */
async function askVersion(exchange: Exchange, name: string, signal: AbortSignal): Promise<Version> {
  const { headers, body } = await exchange('/_ping', {
    method: 'GET',
    path: '/_ping',
    doing: 'say its version',
    signal,
  });
  // Reads it to the end, so that the next request uses the same connection.
  await collect(body, { limit: answerLimit, what: 'the answer to GET /_ping' });
  const isPodman = headerValue(headers, 'libpod-api-version') !== undefined;
  const apiVersion = commonVersion(headerValue(headers, 'api-version'), name);
  return { engine: isPodman ? 'podman' : 'docker', apiVersion };
}

async function parseAnswer<T>(
  name: string,
  request: EngineRequest,
  { body }: HttpResponse,
  read: (object: ObjectField) => T,
): Promise<T> {
  const what = `the answer of ${name} to ${request.method} ${request.path}`;
  const bytes = await collect(body, { limit: answerLimit, what });
  try {
    return read(readMap({ value: parseJson(bytes, { what }), what: 'it', path: '' }));
  } catch (error) {
    if (!isGantryError(error, 'MANIFEST_INVALID')) throw error;
    throw nonsense(name, request, error);
  }
}
