import type { HeaderMap } from '../../wire/message.ts';
import { MalformedAnswer } from '../failure.ts';
import { isHeaderName } from './header-rules.ts';

/** The status line and the header lines of an answer. */
export interface ResponseHead {
  readonly status: number;
  /** The minor version of HTTP/1. */
  readonly minor: 0 | 1;
  readonly headers: HeaderMap;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;

/**
 * Parses the head of an answer: its text in Latin-1, without the empty line at its end. Repeated headers keep their
 * lines apart. Throws MalformedAnswer.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-4
 */
export function parseResponseHead(text: string): ResponseHead {
  const lines = text.split('\r\n');
  const [, minor, status] = statusLine.exec(lines[0] ?? '') ?? [];
  if (status === undefined) throw new MalformedAnswer('its answer has no status line');
  // One search over the whole head: most heads have a dozen lines.
  let isWellFormed = !unsafe.test(text);
  const headers = new Map<string, string[]>();
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    isWellFormed &&= isHeaderName(name);
    const value = trimmed(line, colon + 1);
    const known = headers.get(name);
    if (known === undefined) headers.set(name, [value]);
    else known.push(value);
  }
  if (!isWellFormed) throw new MalformedAnswer('its answer has a malformed header');
  return { status: Number(status), minor: minor === '0' ? 0 : 1, headers: Object.fromEntries(headers) };
}

/** A control character, or one half of a line end. */
const unsafe = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;

/** Cuts blanks and tabs off both ends, in linear time. */
function trimmed(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line, start)) start++;
  while (end > start && isBlank(line, end - 1)) end--;
  return line.slice(start, end);
}

function isBlank(line: string, at: number): boolean {
  const code = line.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}
