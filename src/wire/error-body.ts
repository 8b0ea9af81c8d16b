import {
  AuthError,
  ContentError,
  type ErrorResponse,
  type GantryError,
  isGantryError,
  type NotFoundCode,
  NotFoundError,
  type RegistryError,
  ResponseError,
  UnsupportedError,
} from '../errors.ts';
import { parseJson } from '../json/parse.ts';
import { errorStatus } from './error-code.ts';
import { headerValue, parseRetryAfter } from './headers.ts';
import type { HeaderMap, HttpRequest, HttpResponse } from './message.ts';
import type { OperationKind } from './operation.ts';
import { hideSecrets, redactUrl, redactValue } from './redact.ts';
import { errorAnswer } from './reply.ts';

/** The context of a request, from which its error gets the message and the code. */
export interface ErrorContext {
  readonly request: Pick<HttpRequest, 'method' | 'url' | 'signal' | 'secrets'>;
  /** The requested thing in the user's words: `manifest ghcr.io/acme/app:1`. */
  readonly what: string;
  /** Decides which thing is missing when a 404 carries no code. */
  readonly kind: OperationKind;
  readonly registry?: string;
  readonly scope?: string | undefined;
}

/** Longer error bodies are cut off: the first bytes are enough for a message. */
const errorBodyLimit = 64 * 1024;
const shownMessage = 300;

/**
 * Makes the error that an answer with an error status stands for. Reads any body: the specification's JSON, other JSON,
 * a proxy's web page, or none. The status decides where it is clear, because codes are missing or wrong more often.
 */
export async function readError(response: HttpResponse, context: ErrorContext): Promise<GantryError> {
  const { request, what } = context;
  const bytes = await readStart(response.body, request.signal);
  const secrets = response.secrets ?? request.secrets ?? [];
  const errors = request.method === 'HEAD' ? [] : parseErrors(bytes, secrets);
  const retryAfter = parseRetryAfter(headerValue(response.headers, 'retry-after'));
  const seen: ErrorResponse = {
    method: request.method,
    url: redactUrl(response.url ?? request.url, secrets),
    status: response.status,
    errors,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(response.repeated && { repeated: true }),
  };
  const said = errors
    .map(
      ({ code, message, detail }) =>
        `${message === undefined ? code : `${code}: ${message}`}${lacked(code, message, detail)}`,
    )
    .join('; ')
    .slice(0, shownMessage);
  const type = hideSecrets(headerValue(response.headers, 'content-type') ?? '', secrets);
  const form = errors.length === 0 && bytes.byteLength > 0 && type !== '' ? ` (${type})` : '';
  const answered = `${what}: the registry answered ${response.status}${said === '' ? form : ` ${said}`}`;
  const wait =
    retryAfter === undefined ? '' : `; it asks to wait ${seconds(retryAfter)} s before the next try`;
  return classify(response.status, errors, answered + wait, seen, context);
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}

/** Distribution names the missing blob of a manifest only in the detail. */
function lacked(code: string, message: string | undefined, detail: unknown): string {
  if (code !== 'MANIFEST_BLOB_UNKNOWN') return '';
  const named = JSON.stringify(detail ?? '').match(/\b[a-z0-9]{1,20}:[0-9a-f]{32,128}\b/)?.[0];
  return named === undefined || message?.includes(named) === true ? '' : ` (${named})`;
}

function classify(
  status: number,
  errors: readonly RegistryError[],
  message: string,
  response: ErrorResponse,
  { kind, registry, scope }: ErrorContext,
): GantryError {
  const code = errors.find(({ code }) => /^[A-Z][A-Z0-9_]*$/.test(code))?.code;
  const fields = { response };
  // ECR used to send TOOMANYREQUESTS with a 503.
  if (status === 429 || code === 'TOOMANYREQUESTS')
    return new ResponseError('TOOMANYREQUESTS', message, fields);
  if (status === 401 || status === 403) {
    const denied = status === 403 || code === 'DENIED';
    return new AuthError(denied ? 'DENIED' : 'UNAUTHORIZED', message, {
      response,
      registry,
      scope,
    });
  }
  if (isNotFoundCode(code) && status < 500) return new NotFoundError(code, message, fields);
  if (status === 404 || status === 410) return new NotFoundError(missing(kind), message, fields);
  if (status === 413) return new ContentError('TOO_LARGE', message, fields);
  if (status === 405 || status === 501) return new UnsupportedError(kind, message, fields);
  if (code === 'DIGEST_INVALID' || code === 'SIZE_INVALID' || code === 'MANIFEST_INVALID') {
    return new ContentError(code, message, fields);
  }
  return new ResponseError(code ?? 'UNEXPECTED_STATUS', message, fields);
}

function isNotFoundCode(code: string | undefined): code is NotFoundCode {
  return code !== undefined && Object.hasOwn(errorStatus, code) && code.endsWith('_UNKNOWN');
}

function missing(kind: OperationKind): NotFoundCode {
  switch (kind) {
    case 'blob.get':
    case 'blob.head':
    case 'blob.delete':
      return 'BLOB_UNKNOWN';
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
      return 'BLOB_UPLOAD_UNKNOWN';
    case 'manifest.get':
    case 'manifest.head':
    case 'manifest.delete':
      return 'MANIFEST_UNKNOWN';
    default:
      return 'NAME_UNKNOWN';
  }
}

/**
 * Reads the first bytes of a body. A body that breaks off counts as complete, since the status already tells the
 * failure.
 */
async function readStart(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let room = errorBodyLimit;
  try {
    for await (const chunk of body) {
      // Not slice(), which is a view in Node's Buffer.
      chunks.push(new Uint8Array(chunk.subarray(0, room)));
      room -= chunk.byteLength;
      if (room <= 0) break;
    }
  } catch {
    signal?.throwIfAborted();
  }
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** Reads an error body in each known form: `errors` as specified, `{message}`, `{detail}`, `{error}`. */
function parseErrors(bytes: Uint8Array, secrets: readonly string[]): readonly RegistryError[] {
  let body: unknown;
  try {
    body = redactValue(parseJson(bytes, { what: 'error body', maxBytes: errorBodyLimit }), secrets);
  } catch {
    return [];
  }
  if (!isObject(body)) return [];
  const { errors } = body;
  if (Array.isArray(errors)) return errors.filter(isObject).map(registryError);
  const message = [body['message'], body['detail'], body['error']].find((text) => typeof text === 'string');
  return message === undefined ? [] : [{ code: 'UNKNOWN', message }];
}

function registryError(entry: Record<string, unknown>): RegistryError {
  const { code, message, detail } = entry;
  return {
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : 'UNKNOWN',
    ...(typeof message === 'string' ? { message } : {}),
    ...(detail === undefined || detail === null ? {} : { detail }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Answers a client with an error. The code and the status come from the table. The message is passed on only where it
 * speaks of the client's own input: a storage error names paths, and a foreign error may contain anything, so both are
 * answered without details.
 */
export function errorReply(error: unknown): HttpResponse {
  if (!isGantryError(error)) return errorAnswer('UNKNOWN', 'internal error');
  if (isStorageFailure(error.code))
    return errorAnswer('UNAVAILABLE', 'the registry cannot store this now; try again later');
  switch (error.code) {
    case 'INVALID_DIGEST':
      return errorAnswer('DIGEST_INVALID', error.message);
    case 'INVALID_REFERENCE':
    case 'INVALID_OPTION':
      return errorAnswer('NAME_INVALID', error.message);
    case 'TOO_LARGE':
      return errorAnswer('SIZE_INVALID', error.message, { status: 413 });
    // A digest of an algorithm that gantry can't verify is an invalid digest, not a disabled endpoint.
    case 'UNSUPPORTED':
      return 'operation' in error && error.operation === 'digest'
        ? errorAnswer('DIGEST_INVALID', error.message)
        : errorAnswer('UNSUPPORTED', error.message);
    case 'TOOMANYREQUESTS':
      return errorAnswer(error.code, error.message, { headers: retryAfterHeader(askedWait(error)) });
    default:
      return knownReply(error);
  }
}

/** By default a client waits 5 s: a limit of this registry ends when another request does. */
function retryAfterHeader(wait = 5000): HeaderMap {
  return { 'retry-after': [String(Math.max(1, seconds(wait)))] };
}

/** Returns the milliseconds that the registry behind this one asked to wait; undefined if it did not ask. */
function askedWait(error: unknown): number | undefined {
  if (!isGantryError(error)) return undefined;
  return error.response?.retryAfter ?? askedWait(error.cause);
}

/**
 * Answers by the table, and with 502, 503 or 504 when the registry behind this one failed, asked for a pause or could
 * not be reached.
 */
function knownReply(error: GantryError): HttpResponse {
  const status = Object.hasOwn(errorStatus, error.code) ? (errorStatus[error.code] ?? 500) : 500;
  if (status < 500) return errorAnswer(error.code, error.message);
  if (error.name === 'TransportError' || error.name === 'ResponseError') {
    const wait = askedWait(error);
    if (wait !== undefined)
      return errorAnswer('UNAVAILABLE', 'the upstream registry asks for a pause; try again later', {
        headers: retryAfterHeader(wait),
      });
    const late = error.code === 'TIMED_OUT' || error.code === 'STALLED';
    return late
      ? errorAnswer('UNAVAILABLE', 'the upstream registry did not answer in time', { status: 504 })
      : errorAnswer('UNAVAILABLE', 'the upstream registry failed or cannot be reached', { status: 502 });
  }
  return errorAnswer(Object.hasOwn(errorStatus, error.code) ? error.code : 'UNKNOWN', 'internal error');
}

function isStorageFailure(code: string): boolean {
  return code === 'NO_SPACE' || code === 'NO_PERMISSION' || code === 'IN_USE';
}
