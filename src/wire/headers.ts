import type { HeaderMap } from './message.ts';
import { redactWords } from './redact.ts';

/** All lines of a header in order; none if it is absent. */
export function headerLines(headers: HeaderMap, name: string): readonly string[] {
  return Object.hasOwn(headers, name) ? (headers[name] ?? []) : [];
}

/** The first line of a header, trimmed; undefined if it is absent or empty. */
export function headerValue(headers: HeaderMap, name: string): string | undefined {
  const value = headerLines(headers, name)[0]?.trim();
  return value === '' ? undefined : value;
}

/** Bytes that Content-Length announces; undefined if it is absent or not a number. */
export function contentLength(headers: HeaderMap): number | undefined {
  return wholeNumber(headerValue(headers, 'content-length'));
}

/** A decimal number that is safe to count with, undefined otherwise: no sign, no exponent, no 2^53. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * The address of the next page, as it was written: relative or absolute. Undefined if there is none.
 * Cloudflare's registry leaves the `<>` out, so the address is then what stands before the first `;`.
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

/** The parts of a header between the separators that stand outside of quotes and of `<>`. */
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

/** Milliseconds to wait by a Retry-After of seconds or a date; undefined if it can't be read. */
export function parseRetryAfter(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\s*(\d+(?:\.\d+)?)\s*$/.exec(text)?.[1];
  if (seconds !== undefined) return Math.ceil(Number(seconds) * 1000);
  // Date.parse alone would take "1 2 3" for a date.
  if (!/^\s*[A-Za-z]{3,9},? /.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** What registries ask to be shown to the user, as it may be. Only `299 - "text"` counts, and 4096 bytes in all. */
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

/** The entity tag, if it is one that stands for exactly these bytes: an If-Range takes no other. */
export function strongEntityTag(headers: HeaderMap): string | undefined {
  const tag = headerValue(headers, 'etag');
  return tag !== undefined && /^"[^"]*"$/.test(tag) ? tag : undefined;
}

/** Whether an If-None-Match names the tag, so that the client has the content already. Compared weakly, as GET and HEAD do. */
export function matchesEntityTag(lines: readonly string[], entityTag: string): boolean {
  return lines
    .flatMap((line) => line.split(','))
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === entityTag);
}
