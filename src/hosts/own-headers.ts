import { InputError } from '../errors.ts';
import { originOf } from '../http/origin.ts';
import type { HeaderMap, Middleware } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';

/** Headers that HTTP itself needs, and headers with credentials. */
const reserved = new Set([
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'host',
  'proxy-authorization',
  'transfer-encoding',
]);

/**
 * Adds the user's headers to requests to the registry's own origin.
 * @throws INVALID_OPTION when a header is malformed or reserved
 */
export function ownHeaders(headers: Readonly<Record<string, string>>, origin: string): Middleware {
  const lines: HeaderMap = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [checked(name, value), [value]]),
  );
  if (Object.keys(headers).length === 0) return (next) => next;
  const ours = originOf(origin);
  return (next) => (request) =>
    next(
      originOf(targetOf(request)) === ours
        ? { ...request, headers: { ...lines, ...request.headers } }
        : request,
    );
}

/** Returns the name in lower case. The value may be a secret, so no error shows it. */
function checked(name: string, value: string): string {
  const lower = name.toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower) || !/^[\t\x20-\x7e]*$/.test(value)) {
    throw new InputError(
      'INVALID_OPTION',
      `the header ${JSON.stringify(name)} has characters that no header may have`,
    );
  }
  if (reserved.has(lower))
    throw new InputError('INVALID_OPTION', `the header ${lower} cannot be set: it is reserved`);
  return lower;
}
