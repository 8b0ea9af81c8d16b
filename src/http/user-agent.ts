import type { Middleware } from '../wire/message.ts';

/** Says who is asking, on every request that doesn't say it itself. */
export function userAgent(name: string): Middleware {
  return (next) => (request) => next({ ...request, headers: { 'user-agent': [name], ...request.headers } });
}
