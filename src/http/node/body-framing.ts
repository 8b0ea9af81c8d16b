import { headerLines } from '../../wire/headers.ts';
import { MalformedAnswer } from '../failure.ts';
import type { ResponseHead } from './response-head.ts';

/** The way in which the end of a body is found. */
export type Framing =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  /** The body ends with its connection. */
  | { readonly kind: 'close' };

/**
 * Decides where the body of an answer ends. An answer that describes its length in two ways is refused, because two
 * readers could disagree about it. Throws MalformedAnswer.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
export function framingOf(method: string, { status, headers, minor }: ResponseHead): Framing {
  const lengths = headerLines(headers, 'content-length');
  const codings = headerLines(headers, 'transfer-encoding');
  if (codings.length > 0) {
    if (lengths.length > 0) throw new MalformedAnswer('its answer has both a length and a transfer encoding');
    if (minor === 0 || codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') {
      throw new MalformedAnswer(`its answer has the transfer encoding "${codings.join(', ')}"`);
    }
  }
  if (lengths.length > 1) throw new MalformedAnswer('its answer has two lengths');
  const [length] = lengths;
  if (length !== undefined && !/^\d{1,15}$/.test(length)) {
    throw new MalformedAnswer('its answer has a length that is not a number');
  }
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', length: 0 };
  if (codings.length > 0) return { kind: 'chunked' };
  return length === undefined ? { kind: 'close' } : { kind: 'length', length: Number(length) };
}

/** Returns whether the server keeps the connection open after this answer. */
export function keepsConnection({ headers, minor }: ResponseHead): boolean {
  const lines = headerLines(headers, 'connection').join(',').toLowerCase();
  const options = lines.split(',').map((option) => option.trim());
  return minor === 1 ? !options.includes('close') : options.includes('keep-alive');
}

/** Returns the milliseconds that the server keeps an idle connection (`Keep-Alive: timeout=5`), if it says so. */
export function keptFor({ headers }: ResponseHead): number | undefined {
  const [, seconds] =
    /(?:^|[\s,])timeout=(\d{1,6})\b/i.exec(headerLines(headers, 'keep-alive')[0] ?? '') ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
