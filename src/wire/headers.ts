import type { HeaderMap } from './message.ts';
import { redactWords } from './redact.ts';

/** Returns all lines of a header in order; an empty list if it is absent. */
export function headerLines(headers: HeaderMap, name: string): readonly string[] {
  return Object.hasOwn(headers, name) ? (headers[name] ?? []) : [];
}

/** Returns the first line of a header, trimmed; undefined if it is absent or empty. */
export function headerValue(headers: HeaderMap, name: string): string | undefined {
  const value = headerLines(headers, name)[0]?.trim();
  return value === '' ? undefined : value;
}

/** Returns Content-Length in bytes; undefined if it is absent or not a number. */
export function contentLength(headers: HeaderMap): number | undefined {
  return wholeNumber(headerValue(headers, 'content-length'));
}

/** Parses a decimal number below 2^53 without sign or exponent; undefined for other text. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * Returns the address of the next page as the header writes it, relative or absolute; undefined if no line has one.
 * Cloudflare's registry leaves out the `<>`; the address is then the text before the first `;`.
 * @see https://www.rfc-editor.org/rfc/rfc8288
 */
export function parseNextLink(lines: readonly string[]): string | undefined {
  for (const value of lines.flatMap((line) => splitUnquoted(line, ','))) {
    const [target = '', ...parameters] = splitUnquoted(value, ';').map((part) => part.trim());
    const address = target.startsWith('<') && target.endsWith('>') ? target.slice(1, -1).trim() : target;
    if (address !== '' && parameters.some(isNext)) return address;
  }
  return undefined;
}

function isNext(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=', 2).map((part) => part.trim().toLowerCase());
  return name === 'rel' && value.replaceAll('"', '').split(/\s+/).includes('next');
}

/** Splits a header at the separators that stand outside of quotes and of `<>`. */
function splitUnquoted(text: string, separator: string): readonly string[] {
  const parts = [''];
  for (const [token] of text.matchAll(/<[^<>]*>|"[^"]*"|[^<",;]+|[<",;]/g)) {
    if (token === separator) parts.push('');
    else parts.push(`${parts.pop()}${token}`);
  }
  return parts;
}

export function formatNextLink(target: string): string {
  return `<${target}>; rel="next"`;
}

/** Returns the milliseconds to wait by a Retry-After in seconds or as a date; undefined if the text is neither. */
export function parseRetryAfter(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\s*(\d+(?:\.\d+)?)\s*$/.exec(text)?.[1];
  if (seconds !== undefined) return Math.ceil(Number(seconds) * 1000);
  // Date.parse alone would take "1 2 3" for a date.
  if (!/^\s*[A-Za-z]{3,9},? /.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/**
 * Returns the texts that the registry wants shown to the user, redacted. Only `299 - "text"` counts, and at most 4096
 * bytes in all.
 */
export function parseWarnings(lines: readonly string[], secrets: readonly string[] = []): readonly string[] {
  const texts: string[] = [];
  let room = 4096;
  for (const line of lines) {
    for (const [, quoted = ''] of line.matchAll(/(?<![^\s,])299 - "((?:[^"\\]|\\.)*)"/g)) {
      const text = redactWords(quoted.replace(/\\(.)/g, '$1'), secrets);
      room -= text.length;
      if (room >= 0) texts.push(text);
    }
  }
  return texts;
}

/** Returns a strong entity tag, which stands for exactly these bytes; If-Range accepts no weak one. */
export function strongEntityTag(headers: HeaderMap): string | undefined {
  const tag = headerValue(headers, 'etag');
  return tag !== undefined && /^"[^"]*"$/.test(tag) ? tag : undefined;
}

/**
 * True if an If-None-Match names the tag, so that the client already has the content. Compares weakly, as GET and HEAD
 * require.
 */
export function matchesEntityTag(lines: readonly string[], entityTag: string): boolean {
  return lines
    .flatMap((line) => line.split(','))
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === entityTag);
}
