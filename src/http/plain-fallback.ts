import type { Middleware } from '../wire/message.ts';
import { isWithoutTls } from './failure.ts';
import { parseTarget } from './target.ts';

/**
 * For hosts that were said to be insecure: where nobody speaks TLS, plain HTTP is spoken from then on. Where somebody does
 * and it fails, it stays a failure, and so it is with every other host.
 */
export function plainFallback(isInsecure: (host: string) => boolean): Middleware {
  const plain = new Set<string>();
  return (next) => async (request) => {
    const { secure, host } = parseTarget(request.url);
    if (!secure || !isInsecure(host)) return next(request);
    const inPlain = () => next({ ...request, url: request.url.replace(/^https:/i, 'http:') });
    if (plain.has(host)) return inPlain();
    try {
      return await next(request);
    } catch (error) {
      // With no connection no byte of the body was taken, so even a one-shot body can be sent.
      if (!isWithoutTls(error)) throw error;
      const response = await inPlain();
      plain.add(host);
      return response;
    }
  };
}
