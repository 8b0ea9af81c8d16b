import { headerLines } from '../../wire/headers.ts';
import type { HeaderMap } from '../../wire/message.ts';

/** The credentials in a request. */
export type Shown =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly name: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  /** An unknown scheme, or more than one header. */
  | { readonly kind: 'other' };

/** Parses the Authorization header. The user name ends at the first colon; the password may contain colons. */
export function parseAuthorization(headers: HeaderMap): Shown {
  const [line, ...more] = headerLines(headers, 'authorization');
  if (line === undefined) return { kind: 'none' };
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([\x21-\x7e]+)$/.exec(line.trim()) ?? [];
  if (more.length > 0) return { kind: 'other' };
  if (scheme.toLowerCase() === 'bearer') return { kind: 'bearer', token: value };
  const text = scheme.toLowerCase() === 'basic' ? decode(value) : undefined;
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 0) return { kind: 'other' };
  return { kind: 'basic', name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(text: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
