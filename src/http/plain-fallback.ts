import { isGantryError } from '../errors.ts';
import type { Middleware } from '../wire/message.ts';

/**
 * For a registry that was said to be insecure: where nobody answers in TLS, plain HTTP is spoken from then on.
 * Never part of a line unless the caller asked for it.
 */
export function plainFallback(): Middleware {
  const plain = new Set<string>();
  return (next) => async (request) => {
    const { protocol, host } = new URL(request.url);
    if (protocol !== 'https:') return next(request);
    const inPlain = () => next({ ...request, url: `http:${request.url.slice(protocol.length)}` });
    if (plain.has(host)) return inPlain();
    try {
      return await next(request);
    } catch (error) {
      // With no connection no byte of the body was taken, so even a one-shot body can be sent.
      if (!isGantryError(error, 'NO_CONNECTION')) throw error;
      const response = await inPlain();
      plain.add(host);
      return response;
    }
  };
}
