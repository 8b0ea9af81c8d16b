import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import { isWithoutTls } from './failure.ts';

/**
 * For hosts that the user declared insecure: switches to plain HTTP, from then on, where no TLS server listens. A TLS
 * failure of a server that does speak TLS stays a failure, as it does for every other host.
 */
export function plainFallback(isInsecure: (host: string) => boolean): Middleware {
  const plain = new Set<string>();
  const tried = async (next: Send, request: HttpRequest, host: string): Promise<HttpResponse> => {
    const inPlain = () => next({ ...request, url: request.url.replace(/^https:/i, 'http:') });
    if (plain.has(host)) return inPlain();
    try {
      return await next(request);
    } catch (error) {
      // Without a connection no byte of the body was read, so even a one-shot body can be sent.
      if (!isWithoutTls(error)) throw error;
      const response = await inPlain();
      plain.add(host);
      return response;
    }
  };
  return (next) => (request) => {
    const { secure, host } = targetOf(request);
    return secure && isInsecure(host) ? tried(next, request, host) : next(request);
  };
}
