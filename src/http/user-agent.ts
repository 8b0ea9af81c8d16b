import type { Middleware } from '../wire/message.ts';

/** Sets the User-Agent header on every request that has none. */
export function userAgent(name: string): Middleware {
  return (next) => (request) => next({ ...request, headers: { 'user-agent': [name], ...request.headers } });
}
