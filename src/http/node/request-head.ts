import { InputError } from '../../errors.ts';
import { contentLength, headerLines } from '../../wire/headers.ts';
import type { HeaderMap, HttpRequest } from '../../wire/message.ts';
import { isHeaderName, isHeaderValue } from './header-rules.ts';

/** The way in which the body of a request says its end. */
export interface Outgoing {
  /** The request line and the headers, with the empty line at the end. */
  readonly head: string;
  /** Bytes of the body; undefined for a body in chunks. */
  readonly length: number | undefined;
}

export interface HeadOptions {
  /** The text for the request line. */
  readonly requestTarget: string;
  /** The value of the Host header. */
  readonly host: string;
  /** Headers of the connection, such as the login of a proxy. */
  readonly more: HeaderMap;
}

/**
 * Formats the head of a request. Sends the length of a body whenever it is known, because ACR and Nexus refuse chunked
 * transfer encoding. Throws INVALID_OPTION for a header that HTTP does not allow.
 */
export function formatRequestHead(
  { method, headers, body }: HttpRequest,
  { requestTarget, host, more }: HeadOptions,
): Outgoing {
  const given = contentLength(headers);
  const length = given ?? (body === undefined ? 0 : body.size);
  const own = headerLines(headers, 'host').length === 0 ? `Host: ${host}\r\n` : '';
  let head = `${method} ${requestTarget} HTTP/1.1\r\n${own}`;
  for (const lines of [headers, more]) {
    for (const [name, values] of Object.entries(lines)) {
      for (const value of values) head += headerLine(name, value);
    }
  }
  if (length === undefined) head += 'Transfer-Encoding: chunked\r\n';
  else if (given === undefined && (body !== undefined || hasBody.has(method)))
    head += `Content-Length: ${length}\r\n`;
  return { head: `${head}Connection: keep-alive\r\n\r\n`, length };
}

/** Methods of which a server expects a body, so that an empty one is announced. */
const hasBody = new Set(['POST', 'PUT', 'PATCH']);

function headerLine(name: string, value: string): string {
  if (!isHeaderName(name) || !isHeaderValue(value)) {
    throw new InputError(
      'INVALID_OPTION',
      `the header "${name.slice(0, 100)}" has characters that HTTP does not allow`,
    );
  }
  return `${name}: ${value}\r\n`;
}
