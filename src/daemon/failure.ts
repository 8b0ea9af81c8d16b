import {
  AuthError,
  type GantryError,
  NotFoundError,
  ResponseError,
  StorageError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';
import { systemCode } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import type { HttpResponse } from '../wire/message.ts';
import type { Endpoint } from './endpoint.ts';

/** A request in words, for errors. */
export interface Doing {
  readonly method: string;
  readonly path: string;
  /** Such as `load the image`. */
  readonly doing: string;
}

/** Names the socket, the setting that chose it and the next step in the error of a connection. */
export function unreachable({ host, setting, socket }: Endpoint, error: unknown): never {
  if (!(error instanceof TransportError)) throw error;
  const code = systemCode(error.cause);
  const at = `${host} (${setting})`;
  if (socket !== undefined && (code === 'EACCES' || code === 'EPERM')) {
    throw new StorageError(
      'NO_PERMISSION',
      `permission denied for the docker daemon at ${at}: become a member of the group that owns the socket (docker's is "docker"), or set DOCKER_HOST to the socket of a rootless daemon`,
      { path: socket, cause: error },
    );
  }
  const next =
    setting === 'DOCKER_HOST'
      ? 'or correct DOCKER_HOST'
      : 'or set DOCKER_HOST, such as unix:///run/user/1000/podman/podman.sock';
  if (socket !== undefined && code === 'ENOENT')
    throw lost(
      `there is no docker daemon at ${at}: the socket does not exist; start docker or podman, ${next}`,
      error,
    );
  if (code === 'ECONNREFUSED')
    throw lost(`no docker daemon listens at ${at}: start docker or podman, ${next}`, error);
  throw lost(`the docker daemon at ${at} does not answer: ${error.message}`, error);
}

function lost(message: string, cause: TransportError): TransportError {
  return new TransportError(cause.code, message, { cause });
}

/** Bytes of an error's body. */
const bodyLimit = 64 * 1024;
/** Characters of a daemon's words in a message. */
const mostWords = 1000;

/** Returns the error for an answer of 400 and more, with the daemon's words. */
export async function refused(
  name: string,
  { method, path, doing }: Doing,
  answer: HttpResponse,
): Promise<GantryError> {
  const { status, body } = answer;
  const words = wordsOf(
    await collect(body, { limit: bodyLimit, what: 'an error' }).catch(() => new Uint8Array()),
  );
  const message = `${name} refuses to ${doing}: ${words === '' ? `status ${status}` : words}`;
  const response = {
    method,
    url: path,
    status,
    errors: words === '' ? [] : [{ code: 'UNKNOWN', message: words }],
  };
  if (status === 404) return new NotFoundError('NAME_UNKNOWN', message, { response });
  if (status === 401 || status === 403) return new AuthError('DENIED', message, { response });
  if (status === 400 && /client version .* is too (?:new|old)/i.test(words)) {
    const advice = /too old/i.test(words) ? 'update gantry' : 'update the daemon';
    return new UnsupportedError('docker daemon', `${message}; ${advice}`, { response });
  }
  return new ResponseError('UNEXPECTED_STATUS', message, { response });
}

/** Returns the error for a failure that the daemon reports in an answer of 200. */
export function reported(name: string, doing: string, words: string): ResponseError {
  return new ResponseError('UNEXPECTED_ANSWER', `${name} could not ${doing}: ${shortened(words)}`);
}

/** Returns the error for an answer in which gantry finds no JSON, or not the needed members. */
export function nonsense(name: string, { method, path }: Doing, cause: GantryError): ResponseError {
  return new ResponseError(
    'UNEXPECTED_ANSWER',
    `${name} does not answer ${method} ${path} as a docker daemon: ${cause.message}`,
    { cause },
  );
}

/** Returns the text of an error's body: docker's and podman's JSON, or the first line of anything else. */
function wordsOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes).trim();
  const said = failureIn(text);
  return shortened(said ?? (text.startsWith('<') ? '' : (text.split('\n')[0] ?? '')));
}

/** Returns the words of a failure in one JSON object; undefined if it reports none or is none. */
export function failureIn(text: string): string | undefined {
  const object = parsed(text);
  const detail = memberOf(object, 'errorDetail');
  for (const words of [memberOf(detail, 'message'), memberOf(object, 'error'), memberOf(object, 'message')])
    if (typeof words === 'string' && words !== '') return words;
  return undefined;
}

/** The daemon's answers are only for the message, so a line that is no JSON counts as no failure. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function shortened(words: string): string {
  return words.length > mostWords ? `${words.slice(0, mostWords)}…` : words;
}
