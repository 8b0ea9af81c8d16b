import { isGantryError, TransportError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import { isWithoutTls } from './failure.ts';

export interface SecureFallbackOptions {
  /**
   * Returns whether plain HTTP to this host is only the default: the host is this machine, and its name was given
   * without a scheme.
   */
  readonly isOpen: (host: string) => boolean;
  /** Resolves with whether certificates are configured for the host. If so, TLS is used at once. */
  readonly hasCertificates: (host: string) => Promise<boolean>;
}

/**
 * For registries on this machine: switches to TLS, from then on, when no plain HTTP server answers or when certificates
 * are configured. The registry keeps its http origin, so its own https addresses are shown as http ones. Throws the TLS
 * error when the server speaks TLS, and the error of plain HTTP otherwise.
 */
export function secureFallback({ isOpen, hasCertificates }: SecureFallbackOptions): Middleware {
  const plain = new Set<string>();
  const secure = new Set<string>();
  const tried = async (next: Send, request: HttpRequest, host: string): Promise<HttpResponse> => {
    const overTls = async () => {
      const url = request.url.replace(/^http:/i, 'https:');
      const response = await next({ ...request, url });
      secure.add(host);
      return inPlainWords(response, host);
    };
    if (secure.has(host) || (await hasCertificates(host))) return overTls();
    const first = await next(request).catch((error: unknown) => error);
    if (!mayBeTls(first, request)) return settled(first, () => plain.add(host));
    try {
      const response = await overTls();
      if (isResponse(first)) await discard(first.body);
      return response;
    } catch (error) {
      if (isWithoutTls(error) || isGantryError(error, 'CUT_OFF'))
        return settled(first, () => plain.add(host));
      throw saysTls(error, host);
    }
  };
  return (next) => (request) => {
    const { secure: isSecure, host } = targetOf(request);
    const isDecided = isSecure || plain.has(host) || !isOpen(host);
    return isDecided ? next(request) : tried(next, request, host);
  };
}

function saysTls(error: unknown, host: string): unknown {
  if (!isGantryError(error, 'NO_CONNECTION')) return error;
  const { message, cause } = error;
  return new TransportError('NO_CONNECTION', `${message}; it speaks TLS, so gantry used https://${host}`, {
    cause,
  });
}

function settled(first: unknown, onAnswer: () => void): HttpResponse {
  if (!isResponse(first)) throw first;
  onAnswer();
  return first;
}

/**
 * Returns whether the first answer can come from a TLS server: such a server closes the connection, sends an alert, or
 * (Go, nginx) answers with 400.
 */
function mayBeTls(first: unknown, { body }: HttpRequest): boolean {
  if (body !== undefined && !body.replayable) return false;
  if (isResponse(first)) return first.status === 400;
  if (isGantryError(first, 'CUT_OFF')) return true;
  if (!isGantryError(first, 'NO_CONNECTION')) return false;
  const { cause } = first;
  return cause instanceof Error && 'code' in cause && String(cause.code).startsWith('HPE_');
}

function isResponse(value: unknown): value is HttpResponse {
  return typeof value === 'object' && value !== null && 'status' in value && 'body' in value;
}

/** Rewrites the host's own https addresses to http, by which the rest of the pipeline knows the host. */
function inPlainWords(response: HttpResponse, host: string): HttpResponse {
  const own = `https://${host}`;
  const headers: HeaderMap = Object.fromEntries(
    Object.entries(response.headers).map(([name, lines]) =>
      name === 'location' || name === 'link'
        ? [name, lines.map((line) => line.replaceAll(`${own}/`, `http://${host}/`))]
        : [name, lines],
    ),
  );
  return { ...response, headers };
}
