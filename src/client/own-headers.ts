import { InputError } from '../errors.ts';
import { originOf } from '../http/origin.ts';
import type { HeaderMap, Middleware } from '../wire/message.ts';

/** What a request needs to be one, and what would be somebody's credentials. */
const notTheirs = new Set([
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'host',
  'proxy-authorization',
  'transfer-encoding',
]);

/**
 * Adds a user's headers to what goes to their registry's own origin. Throws INVALID_OPTION for a header that can't be one,
 * and for those that are not the user's to set.
 */
export function ownHeaders(headers: Readonly<Record<string, string>>, origin: string): Middleware {
  const lines: HeaderMap = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [checked(name, value), [value]]),
  );
  const secrets = Object.values(headers);
  if (secrets.length === 0) return (next) => next;
  const ours = originOf(origin);
  return (next) => (request) =>
    next(
      originOf(request.url) === ours
        ? {
            ...request,
            headers: { ...lines, ...request.headers },
            secrets: [...new Set([...(request.secrets ?? []), ...secrets])],
          }
        : request,
    );
}

/** The name in small letters. The value may be a secret, so no error shows it. */
function checked(name: string, value: string): string {
  const lower = name.toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower) || !/^[\t\x20-\x7e]*$/.test(value)) {
    throw new InputError(
      'INVALID_OPTION',
      `the header ${JSON.stringify(name)} has signs that no header can have`,
    );
  }
  if (notTheirs.has(lower)) throw new InputError('INVALID_OPTION', `the header ${lower} can't be set`);
  return lower;
}
